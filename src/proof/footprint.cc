#include "proof/footprint.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/redact.h"
#include "base/share.h"
#include "base/text.h"

namespace proof {
namespace {

using stream::Change;

constexpr std::size_t kFirstRows = 20;
constexpr std::size_t kUnverifiedMost = 20;
constexpr std::size_t kMessageShown = 200;  // bytes

std::string NameOfColumn(const stream::Relation& relation, std::size_t column) { return relation.columns[column].name; }

base::Json ValueJson(const stream::Value& value) {
  switch (value.kind) {
    case stream::Value::Kind::kNull:
      return nullptr;
    case stream::Value::Kind::kUnchanged:
      return "(not sent: unchanged)";
    default:
      return std::string(value.text);
  }
}

// Those columns for which `wanted` holds.
template <typename Wanted>
base::Json RowJson(const stream::Relation& relation, const stream::Row& row, const Wanted& wanted) {
  base::Json json = base::Json::object();
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (wanted(i)) json[NameOfColumn(relation, i)] = ValueJson(row[i]);
  }
  return json;
}

bool Same(const stream::Value& old, const stream::Value& now) {
  if (now.kind == stream::Value::Kind::kUnchanged) return true;
  return old.kind == now.kind && old.text == now.text;
}

// `keys` as in AuditRequest. Of a row that is kept whole and has no key nothing is shown: it would be its values.
base::Json Shown(const Change& change, const std::map<std::int64_t, std::set<std::string>>& keys, bool values) {
  const stream::Relation& relation = *change.relation;
  const bool has_row = change.kind != Change::Kind::kDelete;
  const stream::Row& identified = change.old && !has_row ? *change.old : change.row;
  const auto own = keys.find(relation.id);
  const auto is_key = [&](std::size_t i) {
    if (relation.identity != 'f') return relation.columns[i].key;
    return own != keys.end() && own->second.count(NameOfColumn(relation, i)) > 0;
  };
  const auto whole = [&](const std::string& name) {
    constexpr std::array<std::uint32_t, 4> kWholeNumbers = {20, 21, 23, 26};  // int8, int2, int4, oid
    return std::any_of(relation.columns.begin(), relation.columns.end(), [&](const auto& column) {
      return column.name == name && std::ranges::count(kWholeNumbers, column.type) > 0;
    });
  };
  base::Json shown = {{"key", base::ShownKey(RowJson(relation, identified, is_key), whole)}};
  if (!values) return shown;
  const auto all = [](std::size_t) { return true; };
  if (change.old && change.old_is_row) shown["before"] = RowJson(relation, *change.old, all);
  if (has_row) shown["after"] = RowJson(relation, change.row, all);
  return shown;
}

class Auditor {
 public:
  explicit Auditor(const AuditRequest& request) : request_(request), share_(request.share) {}

  void Look(const stream::Transaction& transaction, stream::Reader& reader) {
    StepAudit& audit = AuditOf(transaction.tag);
    ++audit.transactions;
    if (transaction.changes == 0) return;
    const auto step = std::find_if(request_.plan.steps.begin(), request_.plan.steps.end(),
                                   [&](const plan::Step& each) { return each.id == transaction.tag.step; });
    const plan::Step* declared = step == request_.plan.steps.end() ? nullptr : &*step;
    stream::Changes changes = reader.ChangesOf(transaction);
    while (const Change* change = changes.Next()) {
      share_.Rest();
      if (change->kind != Change::Kind::kTruncate) {
        LookAt(*change, RootOf(change->relation->name), declared, audit);
        continue;
      }
      for (const stream::Relation* relation : change->truncated) {
        Change one;
        one.kind = Change::Kind::kTruncate;
        one.relation = relation;
        LookAt(one, RootOf(relation->name), declared, audit);
      }
    }
  }

  std::vector<StepAudit> Take() { return std::move(audits_); }

 private:
  StepAudit& AuditOf(const journal::Tag& tag) {
    for (StepAudit& audit : audits_) {
      if (audit.step == tag.step && audit.direction == tag.direction) return audit;
    }
    return audits_.emplace_back(StepAudit{.step = tag.step, .direction = tag.direction});
  }

  [[nodiscard]] pg::QualifiedName RootOf(const pg::QualifiedName& table) const {
    const auto root = request_.roots.find(table);
    return root == request_.roots.end() ? table : root->second;
  }

  static const plan::Written* DeclaredFor(const plan::Step* step, const pg::QualifiedName& table) {
    if (step == nullptr) return nullptr;
    for (const plan::Written& written : step->footprint) {
      if (written.table == table) return &written;
    }
    return nullptr;
  }

  void LookAt(const Change& change, const pg::QualifiedName& table, const plan::Step* step, StepAudit& audit) const {
    Wrote& wrote = audit.wrote[table];
    const plan::Written* declared = DeclaredFor(step, table);
    const auto is_declared = [&](std::size_t column) {
      if (declared == nullptr) return false;
      const std::vector<std::string>& columns = declared->columns;
      return columns == std::vector<std::string>{plan::kAllColumns} ||
             std::find(columns.begin(), columns.end(), NameOfColumn(*change.relation, column)) != columns.end();
    };
    bool all = declared != nullptr;
    for (std::size_t i = 0; i < change.relation->columns.size(); ++i) all = all && is_declared(i);
    switch (change.kind) {
      case Change::Kind::kInsert:
        ++wrote.inserted;
        if (!all) AddOutside(audit, table, "rows were inserted", change);
        break;
      case Change::Kind::kDelete:
        ++wrote.deleted;
        if (!all) AddOutside(audit, table, "rows were deleted", change);
        break;
      case Change::Kind::kTruncate:
        wrote.truncated = true;
        if (!all) AddOutside(audit, table, "it was truncated", change);
        break;
      case Change::Kind::kUpdate:
        ++wrote.updated;
        if (declared == nullptr) {
          AddOutside(audit, table, "rows were updated", change);
        } else if (!all) {
          LookAtColumns(change, table, is_declared, audit);
        }
    }
  }

  template <typename IsDeclared>
  void LookAtColumns(const Change& change, const pg::QualifiedName& table, const IsDeclared& is_declared,
                     StepAudit& audit) const {
    if (!change.old_is_row) ++audit.wrote[table].columns_unknown;
    if (!change.old) return;
    for (std::size_t i = 0; i < change.row.size(); ++i) {
      const bool known = change.old_is_row || change.relation->columns[i].key;
      if (!known || is_declared(i) || Same((*change.old)[i], change.row[i])) continue;
      AddOutside(audit, table, fmt::format("column {} was changed", NameOfColumn(*change.relation, i)), change);
    }
  }

  // Rows of one table and of one kind together.
  void AddOutside(StepAudit& audit, const pg::QualifiedName& table, const std::string& what,
                  const Change& change) const {
    auto outside = std::find_if(audit.outside.begin(), audit.outside.end(),
                                [&](const Outside& each) { return each.table == table && each.what == what; });
    if (outside == audit.outside.end()) {
      outside = audit.outside.insert(outside, {.table = table, .what = what});
    }
    if (change.kind == Change::Kind::kTruncate) return;
    ++outside->rows;
    if (outside->first.size() < kFirstRows) outside->first.push_back(Shown(change, request_.keys, request_.values));
  }

  const AuditRequest& request_;
  base::Share share_;
  std::vector<StepAudit> audits_;
};

void AddUnverified(const stream::Transaction& transaction, const AuditRequest& request, std::vector<Unverified>& all) {
  std::set<pg::QualifiedName> touches;
  for (const auto& table : transaction.tables) {
    const auto root = request.roots.find(table.name);
    const pg::QualifiedName& name = root == request.roots.end() ? table.name : root->second;
    const auto& of_release = request.plan.tables;
    if (std::find(of_release.begin(), of_release.end(), name) != of_release.end()) touches.insert(name);
  }
  auto same = std::find_if(all.begin(), all.end(), [&](const Unverified& each) { return each.touches == touches; });
  if (same == all.end() && all.size() < kUnverifiedMost) {
    same = all.insert(same, {.touches = touches,
                             .commit = transaction.commit,
                             .time = transaction.time,
                             .xid = transaction.xid,
                             .message = base::Excerpt(transaction.message, kMessageShown)});
    for (const auto& table : transaction.tables) {
      if (same->tables.size() < kFirstRows) same->tables.push_back(table.name);
    }
  }
  Unverified& group = same == all.end() ? all.back() : *same;
  group.touches.insert(touches.begin(), touches.end());
  ++group.transactions;
}

}  // namespace

Audit AuditFootprint(stream::Reader& reader, const AuditRequest& request) {
  Audit audit;
  Auditor auditor(request);
  while (const std::optional<stream::Transaction> transaction = reader.Next()) {
    if (transaction->commit <= request.after) continue;
    switch (transaction->whose) {
      case stream::Whose::kMigration:
        auditor.Look(*transaction, reader);
        break;
      case stream::Whose::kUnverified:
        AddUnverified(*transaction, request, audit.unverified);
        [[fallthrough]];
      case stream::Whose::kRelease:
      case stream::Whose::kApplication:
        ++audit.applications;
    }
  }
  audit.steps = auditor.Take();
  return audit;
}

base::Json ToJson(const Outside& outside) {
  return {{"table", outside.table.Text()}, {"what", outside.what}, {"rows", outside.rows}, {"first", outside.first}};
}

base::Json ToJson(const StepAudit& audit) {
  base::Json wrote = base::Json::object();
  for (const auto& [table, counts] : audit.wrote) {
    wrote[table.Text()] = {{"inserted", counts.inserted},
                           {"updated", counts.updated},
                           {"deleted", counts.deleted},
                           {"truncated", counts.truncated},
                           {"columns_unknown", counts.columns_unknown}};
  }
  return {{"step", audit.step}, {"direction", audit.direction}, {"transactions", audit.transactions}, {"wrote", wrote}};
}

base::Json ToJson(const Unverified& unverified) {
  const auto names = [](const auto& tables) {
    base::Json json = base::Json::array();
    for (const pg::QualifiedName& table : tables) json.push_back(table.Text());
    return json;
  };
  return {{"touches", names(unverified.touches)},
          {"transactions", unverified.transactions},
          {"first",
           {{"commit", unverified.commit.Text()},
            {"at", base::FormatTime(unverified.time)},
            {"xid", unverified.xid},
            {"message", unverified.message},
            {"tables", names(unverified.tables)}}}};
}

}  // namespace proof
