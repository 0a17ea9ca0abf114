#include "salvage/conflict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/failpoint.h"
#include "pg/transaction.h"
#include "salvage/orphans.h"
#include "salvage/quiet.h"

namespace salvage {
namespace {

base::Json ValueJson(const Value& value) { return value ? base::Json(*value) : base::Json(); }

// Without values that are not known.
base::Json RowJson(const Table& table, const std::optional<Row>& row, const std::set<std::size_t>& unsent = {}) {
  if (!row) return {};
  base::Json json = base::Json::object();
  for (std::size_t i = 0; i < row->size(); ++i) {
    if (unsent.count(i) == 0) json[table.columns[i].name] = ValueJson((*row)[i]);
  }
  return json;
}

std::string Why(const Table& table, ConflictKind kind, const std::string& said) {
  std::string why = Explain(kind);
  if (table.unseen && (kind == ConflictKind::kColumn || kind == ConflictKind::kChangedRow)) {
    why += ", or somebody whom the stream does not show: the table was rewritten";
  }
  return said.empty() ? why : why + ": " + said;
}

[[noreturn]] void Bad(const base::Json& entry, const char* what) {
  throw base::Error(base::Code::kBadResolutions, what).Detail(entry.dump());
}

pg::Param ParamOf(const base::Json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<std::string>();
}

// A statement about one row: columns to write, and the key to find it by, with parameters for both.
class Statement {
 public:
  explicit Statement(const Table& table) : table_(table) {}

  std::string Parameter(const std::string& column, const base::Json& value) {
    params_.push_back(ParamOf(value));
    return fmt::format("(${}::text)::{}", params_.size(), table_.columns.at(table_.Place(column)).type);
  }
  void Write(const std::string& column, const base::Json& value) {
    names_.push_back(pg::Ident(column));
    values_.push_back(Parameter(column, value));
  }
  std::string Where(const base::Json& key) {
    std::string where;
    for (const auto& [column, value] : key.items()) {
      where += fmt::format("{}{} = {}", where.empty() ? "" : " AND ", pg::Ident(column), Parameter(column, value));
    }
    return where.empty() ? "false" : where;
  }
  std::string Assignments() const {
    std::string text;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", names_[i], values_[i]);
    }
    return text;
  }
  std::string Insert() const {
    return fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})", table_.name.Sql(),
                       fmt::join(names_, ", "), fmt::join(values_, ", "));
  }
  void Run(pg::Connection& restored, const std::string& sql, const base::Json& entry) const {
    if (restored.Query(sql, params_).affected() != 1) Bad(entry, "the row of a conflict is not there any more");
  }

 private:
  const Table& table_;
  std::vector<std::string> names_;
  std::vector<std::string> values_;
  pg::Params params_;
};

// `body` is the conflict as it was found, `take` what a person made of it.
void Take(pg::Connection& restored, const Table& table, const base::Json& body, const base::Json& take) {
  Statement statement(table);
  if (body.contains("column")) {
    statement.Write(body.at("column"), take.is_object() ? take.at("value") : body.at("application"));
    const std::string where = statement.Where(body.at("key"));
    return statement.Run(restored,
                         fmt::format("UPDATE {} SET {} WHERE {}", table.From(), statement.Assignments(), where), body);
  }
  const base::Json& application = body.at("application");
  const base::Json& before = body.at("restored");
  if (before == application) return;
  if (application.is_null()) {
    const std::string where = statement.Where(body.at("key"));
    return statement.Run(restored, fmt::format("DELETE FROM {} WHERE {}", table.From(), where), body);
  }
  const std::size_t known = application.size() + (body.contains("defaults") ? body.at("defaults").size() : 0);
  if (before.is_null() && known < table.columns.size()) {
    Bad(body, "the stream does not have all values of the row: insert it by hand, and leave the conflict as restored");
  }
  for (const auto& [column, value] : application.items()) {
    if (before.is_null() || before.at(column) != value) statement.Write(column, value);
  }
  if (before.is_null()) return statement.Run(restored, statement.Insert(), body);
  const std::string where = statement.Where(body.at("key"));
  statement.Run(restored, fmt::format("UPDATE {} SET {} WHERE {}", table.From(), statement.Assignments(), where), body);
}

void TakeOrSay(pg::Connection& restored, const Table& table, const base::Json& body, const base::Json& take) {
  try {
    Take(restored, table, body, take);
  } catch (const base::Error& error) {
    if (restored.Broken() || error.code() == base::Code::kBadResolutions) throw;
    throw base::Error(base::Code::kBadResolutions, fmt::format("the restored server refuses what was decided of {} {}",
                                                               table.name.Text(), body.at("key").dump()))
        .Detail(error.message() + (error.detail().empty() ? "" : "\n" + error.detail()))
        .Hint(
            std::string("Nothing of the file was applied. Correct this decision, or leave the conflict as restored.") +
            (table.partitioned ? " Where a partition is lacking, make it on the restored server first: `why` of the "
                                 "conflict says for which values."
                               : ""));
  }
}

struct Decision {
  const Table* table = nullptr;
  base::Json body;
  base::Json take;
};

// Rows may have to give way to each other, as one whose key another takes: those that are refused are tried again for
// as long as that helps.
void TakeAll(pg::Connection& restored, std::vector<Decision> decisions) {
  while (!decisions.empty()) {
    std::vector<Decision> refused;
    std::optional<base::Error> first;
    for (Decision& decision : decisions) {
      restored.Exec("SAVEPOINT decision");
      try {
        TakeOrSay(restored, *decision.table, decision.body, decision.take);
        restored.Exec("RELEASE SAVEPOINT decision");
      } catch (const base::Error& error) {
        if (restored.Broken() || error.code() != base::Code::kBadResolutions) throw;
        if (!first) first = error;
        restored.Exec("ROLLBACK TO SAVEPOINT decision; RELEASE SAVEPOINT decision");
        refused.push_back(std::move(decision));
      }
    }
    if (refused.size() == decisions.size()) throw *first;
    decisions = std::move(refused);
  }
}

bool IsDecision(const base::Json& take, const base::Json& body) {
  if (take == "restored" || take == "application") return true;
  if (!body.contains("column") || !take.is_object() || take.size() != 1 || !take.contains("value")) return false;
  return take.at("value").is_null() || take.at("value").is_string();
}

}  // namespace

std::string ContentOf(base::Json conflict) {
  if (!conflict.is_object()) return "";
  conflict.erase("id");
  conflict.erase("take");
  return conflict.dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

Resolved ApplyResolutions(pg::Connection& restored, const Targets& targets, const base::Json& file) {
  Resolved resolved;
  if (!file.is_object() || !file.contains("version") || file.at("version") != 1 || !file.contains("conflicts")) {
    Bad(file, "this is no file of conflicts of version 1");
  }
  pg::Transaction transaction(restored);
  Quiet quiet(restored);
  std::vector<std::int64_t> tables;
  std::vector<Decision> decisions;
  for (const base::Json& entry : file.at("conflicts")) {
    if (!entry.is_object() || !entry.contains("id") || !entry.at("id").is_number_integer() || !entry.contains("take")) {
      Bad(entry, "a conflict in the file has no `id` or no `take`");
    }
    const pg::Result found = restored.Query(
        "SELECT relation, body, taken IS NOT NULL FROM switchback_salvage.conflict WHERE id = $1 FOR UPDATE",
        {entry.at("id").dump()});
    if (found.rows() == 0) Bad(entry, "the restored server knows no such conflict");
    const base::Json body = base::Json::parse(found.Text(0, 1));
    if (ContentOf(entry) != ContentOf(body)) {
      Bad(entry, "the restored server has another conflict under this `id`: the file is not of its last salvage");
    }
    const base::Json& take = entry.at("take");
    if (!IsDecision(take, body))
      Bad(entry, "`take` is neither restored nor application nor, of a column, {value: ...}");
    const Table* table = targets.Find(found.Int(0, 0));
    if (found.Bool(0, 2)) {
      ++resolved.before;
      continue;
    }
    if (take == "restored" || table == nullptr) {
      ++resolved.left;
      continue;
    }
    quiet.Add(*table);
    decisions.push_back({.table = table, .body = body, .take = take});
    tables.push_back(table->oid);
    restored.Query("UPDATE switchback_salvage.conflict SET taken = $1 WHERE id = $2",
                   {take.dump(), entry.at("id").dump()});
    ++resolved.applied;
  }
  TakeAll(restored, std::move(decisions));
  RefuseOrphans(restored, targets, tables);
  quiet.End();
  base::Failpoint(base::FailpointId::kSalvageBeforeResolved);
  transaction.Commit();
  return resolved;
}

base::Json ToJson(const Resolved& resolved) {
  return {{"applied", resolved.applied}, {"applied_before", resolved.before}, {"left", resolved.left}};
}

base::Json ConflictJson(const Table& table, const std::vector<Value>& key, const std::optional<Row>& restored,
                        const Conflict& conflict, const std::string& said) {
  const std::optional<Row>& row = restored ? restored : conflict.application_row;
  base::Json keys = base::Json::object();
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const std::size_t place = table.key[i];
    if (row || i < key.size()) keys[table.columns[place].name] = ValueJson(row ? (*row)[place] : key[i]);
  }
  base::Json json = {{"table", base::Json::array({table.name.schema, table.name.name})},
                     {"key", keys},
                     {"kind", Name(conflict.kind)},
                     {"why", Why(table, conflict.kind, said)},
                     {"take", "restored"}};
  if (conflict.column) {
    json["column"] = table.columns[*conflict.column].name;
    json["restored"] = ValueJson(conflict.restored);
    json["application"] = ValueJson(conflict.application);
    if (conflict.kind == ConflictKind::kOutOfStep) json["new_column"] = ValueJson(conflict.other);
  } else {
    json["restored"] = RowJson(table, restored);
    json["application"] = RowJson(table, conflict.application_row, conflict.unsent);
    if (!restored) {
      for (const std::size_t place : conflict.absent) json["defaults"].push_back(table.columns[place].name);
    }
    for (const auto& [place, value] : conflict.others) {
      json["new_columns"][table.columns[place].name] = ValueJson(value);
    }
  }
  return json;
}

}  // namespace salvage
