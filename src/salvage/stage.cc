#include "salvage/stage.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>

#include "base/failpoint.h"
#include "base/long_work.h"
#include "base/stop.h"
#include "pg/copy.h"
#include "pg/transaction.h"
#include "salvage/image.h"
#include "salvage/moves.h"
#include "salvage/quiet.h"
#include "salvage/touched.h"

namespace salvage {
namespace {

using stream::Whose;

void Count(const stream::Transaction& transaction, std::map<pg::QualifiedName, TableAccount>& tables) {
  for (const stream::Transaction::Table& table : transaction.tables) {
    TableAccount& counted = tables[table.name];
    counted.inserted += table.writes.inserted;
    counted.updated += table.writes.updated;
    counted.deleted += table.writes.deleted;
    counted.truncated += table.writes.truncated ? 1 : 0;
  }
}

// Calls `take` with each transaction behind `from`, and counts it.
template <typename Take>
void EachSince(stream::Reader& reader, pg::Lsn from, Account& account, Take take,
               std::int64_t most = std::numeric_limits<std::int64_t>::max()) {
  if (reader.place()) account.through = reader.place()->through;
  for (std::int64_t looked_at = 0; looked_at < most; ++looked_at) {
    const std::optional<stream::Transaction> transaction = reader.Next();
    if (!transaction) return;
    if (transaction->commit < from) continue;
    const bool application = transaction->whose == Whose::kApplication || transaction->whose == Whose::kUnverified;
    if (transaction->whose == Whose::kUnverified) ++account.unverified;
    if (transaction->whose == Whose::kMigration) ++account.migrations;
    if (transaction->whose == Whose::kRelease) {
      ReleaseAccount& release = account.releases[transaction->tag.release];
      ++release.transactions;
      Count(*transaction, release.tables);
    }
    if (application && transaction->changes > 0) {
      ++account.applications;
      if (!account.first) account.first = transaction->time;
      account.last = transaction->time;
      Count(*transaction, account.tables);
    }
    take(*transaction, application);
  }
}

Cell CellAt(const stream::Row& row, int at) {
  if (at == Shape::kNowhere) return {};
  const stream::Value& value = row[static_cast<std::size_t>(at)];
  switch (value.kind) {
    case stream::Value::Kind::kNull:
      return {.kind = Cell::Kind::kValue, .value = std::nullopt};
    case stream::Value::Kind::kUnchanged:
      return {.kind = Cell::Kind::kSame, .value = std::nullopt};
    case stream::Value::Kind::kText:
      return {.kind = Cell::Kind::kValue, .value = std::string(value.text)};
  }
  return {};
}

// Which row of the restored server a key means: rows keep the identity that they had before their key changed.
class Identities {
 public:
  // Of a row that has this key now.
  std::string Of(const std::string& key) const {
    const auto known = moved_.find(key);
    return known == moved_.end() ? key : known->second;
  }
  void Move(const std::string& from, const std::string& to, std::int64_t seq) {
    std::string identity = Of(from);
    // Another row that takes the key is not the one that left it.
    moved_[from] = fmt::format("#{}", seq);
    if (identity == to) {
      moved_.erase(to);
    } else {
      moved_[to] = std::move(identity);
    }
  }

 private:
  std::unordered_map<std::string, std::string> moved_;
};

// Shapes of the tables as the stream describes them, which seldom changes.
class Shapes {
 public:
  const Shape& Of(const Table& table, const stream::Relation& relation) {
    Known& known = by_id_[relation.id];
    if (known.table != &table || known.relation != relation) known = {&table, relation, ShapeOf(table, relation)};
    return known.shape;
  }

 private:
  struct Known {
    const Table* table = nullptr;
    stream::Relation relation = {};
    Shape shape = {};
  };
  std::unordered_map<std::uint32_t, Known> by_id_;
};

class Stager {
 public:
  // `touched`: of the migration's changes those of other rows need not be staged; null: it changed nothing.
  Stager(const StageRequest& request, const Touched* touched, pg::CopyIn& copy, Account& account)
      : targets_(request.targets), keep_(request.keep), touched_(touched), copy_(copy), account_(account) {}

  void Begin(bool application) {
    application_ = application;
    truncated_.clear();
    moves_.Begin(application);
  }

  void Take(const stream::Change& change) {
    ++seq_;
    if (change.kind == stream::Change::Kind::kTruncate) {
      for (const stream::Relation* relation : change.truncated) {
        if (truncated_.insert(relation->id).second) Skip(*relation, "TRUNCATE is not repeated");
      }
      return;
    }
    const stream::Relation& relation = *change.relation;
    const Table* table = targets_.Find(relation.id);
    if (table == nullptr) {
      PutElsewhere(change);
      return Skip(relation, "the restored server has no such table");
    }
    const Shape& shape = shapes_.Of(*table, relation);
    if (application_ && !shape.unknown.empty()) {
      account_.tables[relation.name].columns.insert(shape.unknown.begin(), shape.unknown.end());
    }
    const Keys keys = moves_.Of(change, *table, shape);
    if (change.kind != stream::Change::Kind::kInsert && !shape.keyed)
      return Skip(relation, "the table has no usable key");
    if (application_ || (touched_ != nullptr && touched_->Has(table->oid, keys.First()))) {
      PutRow(change, *table, shape, Identify(*table, keys), OpOf(change, shape, keys));
    }
  }

  [[nodiscard]] std::int64_t seq() const { return seq_; }

 private:
  void Skip(const stream::Relation& relation, const char* reason) {
    if (application_) ++account_.tables[relation.name].skipped[reason];
  }

  std::string Identify(const Table& table, const Keys& keys) {
    Identities& identities = identities_[table.oid];
    std::string identity = identities.Of(keys.First());
    if (identity.empty()) return fmt::format("#{}", seq_);
    if (keys.Changed()) identities.Move(keys.before, keys.now, seq_);
    return identity;
  }

  static const char* OpOf(const stream::Change& change, const Shape& shape, const Keys& keys) {
    if (change.kind == stream::Change::Kind::kDelete) return "D";
    if (change.kind == stream::Change::Kind::kInsert) return keys.before.empty() ? "I" : "A";
    return shape.unknown.empty() ? "U" : "u";
  }

  // Into a table that the restored server does not have, and that may be a partition: it has the same key, and no other
  // columns.
  void PutElsewhere(const stream::Change& change) {
    const Table* table = moves_.Left();
    if (table == nullptr || change.kind != stream::Change::Kind::kInsert) return;
    const Shape& shape = shapes_.Of(*table, *change.relation);
    if (!shape.keyed || !shape.unknown.empty()) return;
    const Keys keys = moves_.Of(change, *table, shape);
    if (!keys.before.empty()) PutRow(change, *table, shape, identities_[table->oid].Of(keys.before), "X");
  }

  void PutRow(const stream::Change& change, const Table& table, const Shape& shape, const std::string& identity,
              const char* op) {
    if (keep_.count(table.oid) > 0) return;
    const bool deleted = change.kind == stream::Change::Kind::kDelete;
    copy_.Field(std::to_string(table.oid)).Field(identity).Field(std::to_string(seq_)).Field(application_ ? "t" : "f");
    copy_.Field(op);
    copy_.Field(identity[0] == '#' ? std::nullopt : std::optional<std::string>(pg::ArrayText(KeyOf(identity))));
    copy_.Field(deleted ? "" : Image(shape, change.row, true));
    copy_.Field(change.old && change.old_is_row ? Image(shape, *change.old, false) : "");
    copy_.Field(deleted || !application_ ? std::nullopt : Arguments(shape, change.row));
    copy_.Row();
  }

  static std::string Image(const Shape& shape, const stream::Row& row, bool others) {
    std::string image;
    for (const int at : shape.columns) PutCell(image, CellAt(row, at));
    for (const int at : shape.others) {
      if (others) PutCell(image, CellAt(row, at));
    }
    return image;
  }

  // Nothing: there is no other side to compare with.
  static std::optional<std::string> Arguments(const Shape& shape, const stream::Row& row) {
    if (std::all_of(shape.others.begin(), shape.others.end(), [](int at) { return at == Shape::kNowhere; })) {
      return std::nullopt;
    }
    std::vector<Value> arguments;
    for (const std::vector<int>& needed : shape.needed) {
      for (const int at : needed) arguments.push_back(CellAt(row, at).value);
    }
    return pg::ArrayText(arguments);
  }

  const Targets& targets_;
  const std::set<std::int64_t>& keep_;
  const Touched* touched_;
  pg::CopyIn& copy_;
  Account& account_;
  bool application_ = false;
  std::int64_t seq_ = 0;
  Shapes shapes_;
  std::map<std::int64_t, Identities> identities_;
  Moves moves_;
  std::set<std::uint32_t> truncated_;  // in this transaction, which counts them once
};

// By the stream's index.
struct Written {
  std::set<std::int64_t> tables;  // that applications wrote to: of the others nothing has to be carried over
  std::int64_t changes = 0;       // of applications
  bool shared = false;            // the migration wrote to one of the tables too
};

Written ReadWritten(stream::Reader& reader, const StageRequest& request) {
  Written written;
  std::set<std::int64_t> migrations;
  Account account;
  reader.Rewind();
  EachSince(reader, request.from, account, [&](const stream::Transaction& transaction, bool application) {
    if (application) written.changes += transaction.changes;
    for (const stream::Transaction::Table& table : transaction.tables) {
      const Table* target = request.targets.Find(table.writes.relation);
      if (target != nullptr) (application ? written.tables : migrations).insert(target->oid);
    }
  });
  written.shared = std::any_of(migrations.begin(), migrations.end(),
                               [&](std::int64_t oid) { return written.tables.count(oid) > 0; });
  return written;
}

// Calls `take` with each change that may matter to what applications wrote: theirs, and the migration's of the same
// tables. `begin` with whose follow.
template <typename Begin, typename Take>
void EachChange(stream::Reader& reader, const StageRequest& request, const Written& written, Account& account,
                Begin begin, Take take) {
  reader.Rewind();
  EachSince(reader, request.from, account, [&](const stream::Transaction& transaction, bool application) {
    base::StopIfAsked(request.stop);
    begin(application);
    const auto concerns = [&](std::uint32_t relation) {
      const Table* table = request.targets.Find(relation);
      return application || (table != nullptr && written.tables.count(table->oid) > 0);
    };
    if (std::none_of(transaction.tables.begin(), transaction.tables.end(),
                     [&](const auto& table) { return concerns(table.writes.relation); })) {
      return;
    }
    stream::Changes changes = reader.ChangesOf(transaction);
    while (const stream::Change* change = changes.Next()) {
      if (concerns(change->relation->id)) take(*change);
    }
  });
}

// Rows that applications wrote to, and all whose key was changed by anybody: so a row is in it under each of its keys
// or under none.
Touched ReadTouched(stream::Reader& reader, const StageRequest& request, const Written& written) {
  Touched touched(written.changes);
  Shapes shapes;
  Account account;
  Moves moves;
  bool applications = false;
  EachChange(
      reader, request, written, account,
      [&](bool application) {
        applications = application;
        moves.Begin(application);
      },
      [&](const stream::Change& change) {
        const Table* table = request.targets.Find(change.relation->id);
        if (table == nullptr || change.kind == stream::Change::Kind::kTruncate) return;
        const Keys keys = moves.Of(change, *table, shapes.Of(*table, *change.relation));
        if (!applications && !keys.Changed()) return;
        for (const std::string& key : {keys.before, keys.now}) {
          if (!key.empty()) touched.Add(table->oid, key);
        }
      });
  return touched;
}

base::Json TimeJson(const std::optional<base::Time>& time) {
  return time ? base::Json(base::FormatTime(*time)) : base::Json();
}

base::Json TablesJson(const std::map<pg::QualifiedName, TableAccount>& tables) {
  base::Json json = base::Json::array();
  for (const auto& [name, table] : tables) {
    json.push_back({{"table", base::Json::array({name.schema, name.name})},
                    {"inserted", table.inserted},
                    {"updated", table.updated},
                    {"deleted", table.deleted},
                    {"truncated", table.truncated},
                    {"skipped", table.skipped},
                    {"columns_left", table.columns}});
  }
  return json;
}

std::map<pg::QualifiedName, TableAccount> TablesFrom(const base::Json& json) {
  std::map<pg::QualifiedName, TableAccount> tables;
  for (const base::Json& entry : json) {
    const base::Json& name = entry.at("table");
    TableAccount& table = tables[{name.at(0).get<std::string>(), name.at(1).get<std::string>()}];
    table.inserted = entry.at("inserted");
    table.updated = entry.at("updated");
    table.deleted = entry.at("deleted");
    table.truncated = entry.at("truncated");
    table.skipped = entry.at("skipped").get<std::map<std::string, std::int64_t>>();
    table.columns = entry.at("columns_left").get<std::set<std::string>>();
  }
  return tables;
}

std::optional<base::Time> TimeFrom(const base::Json& json) {
  if (json.is_null()) return std::nullopt;
  return base::ParseTime(json.get<std::string>());
}

}  // namespace

std::int64_t TableAccount::Skipped() const {
  std::int64_t sum = 0;
  for (const auto& [reason, changes] : skipped) sum += changes;
  return sum;
}

std::int64_t Account::Changes() const {
  std::int64_t sum = 0;
  for (const auto& [name, table] : tables) sum += table.Changes();
  return sum;
}

Account CountSince(stream::Reader& reader, pg::Lsn from, std::int64_t most) {
  Account account;
  EachSince(
      reader, from, account, [](const stream::Transaction&, bool) {}, most);
  return account;
}

std::set<std::int64_t> WrittenSince(stream::Reader& reader, const Targets& targets,
                                    const std::map<std::int64_t, pg::Lsn>& tables) {
  std::set<std::int64_t> written;
  Account account;
  EachSince(reader, {}, account, [&](const stream::Transaction& transaction, bool application) {
    for (const stream::Transaction::Table& table : transaction.tables) {
      const Table* target = targets.Find(table.writes.relation);
      const auto since = target == nullptr ? tables.end() : tables.find(target->oid);
      if (application && since != tables.end() && transaction.commit >= since->second) written.insert(since->first);
    }
  });
  return written;
}

Account Stage(pg::Connection& restored, const StageRequest& request) {
  restored.Exec("DELETE FROM switchback_salvage.staged");
  stream::Reader reader = request.open();
  const Written written = ReadWritten(reader, request);
  for (const std::int64_t oid : written.tables) {
    if (request.keep.count(oid) > 0) continue;
    ExecQuietly(restored,
                fmt::format("DROP TABLE IF EXISTS switchback_salvage.change_{0}; CREATE UNLOGGED TABLE "
                            "switchback_salvage.change_{0} PARTITION OF switchback_salvage.change FOR VALUES IN ({0})",
                            oid));
  }
  std::optional<Touched> touched;
  if (written.shared) touched = ReadTouched(reader, request, written);
  Account account;
  pg::CopyIn copy(restored.options(), "COPY switchback_salvage.change FROM STDIN");
  base::LongWork work("staging what the applications wrote", {.unit = base::LongWork::Unit::kRows});
  Stager stager(request, touched ? &*touched : nullptr, copy, account);
  EachChange(
      reader, request, written, account, [&](bool application) { stager.Begin(application); },
      [&](const stream::Change& change) {
        stager.Take(change);
        work.At(stager.seq());
      });
  copy.End();
  pg::Transaction transaction(restored);
  restored.Exec("ANALYZE switchback_salvage.change (relation)");
  restored.Query("INSERT INTO switchback_salvage.staged (through, account) VALUES ($1, $2)",
                 {account.through.Text(), ToJson(account).dump()});
  base::Failpoint(base::FailpointId::kSalvageBeforeStaged);
  transaction.Commit();
  return account;
}

base::Json ToJson(const Account& account) {
  base::Json releases = base::Json::array();
  for (const auto& [name, release] : account.releases) {
    releases.push_back(
        {{"release", name}, {"transactions", release.transactions}, {"tables", TablesJson(release.tables)}});
  }
  return {{"through", account.through.Text()}, {"applications", account.applications}, {"own", account.migrations},
          {"unverified", account.unverified},  {"first", TimeJson(account.first)},     {"last", TimeJson(account.last)},
          {"changes", account.Changes()},      {"tables", TablesJson(account.tables)}, {"releases", releases}};
}

Account AccountFromJson(const base::Json& json) {
  Account account;
  account.through = pg::Lsn::Parse(json.at("through").get<std::string>());
  account.applications = json.at("applications");
  account.migrations = json.at("own");
  account.unverified = json.at("unverified");
  account.first = TimeFrom(json.at("first"));
  account.last = TimeFrom(json.at("last"));
  account.tables = TablesFrom(json.at("tables"));
  for (const base::Json& entry : json.value("releases", base::Json::array())) {
    account.releases[entry.at("release")] = {.transactions = entry.at("transactions"),
                                             .tables = TablesFrom(entry.at("tables"))};
  }
  return account;
}

}  // namespace salvage
