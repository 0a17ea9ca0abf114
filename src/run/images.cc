#include "run/images.h"

#include <fmt/core.h>

#include <list>
#include <set>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/redact.h"
#include "run/image_sql.h"
#include "run/sql_text.h"

namespace run {
namespace {

using Statement = std::string (ImageSql::*)(bool one) const;

struct Captured {
  const plan::DataChange::Capture& capture;
  std::string net;
  ImageSql sql;
  bool by_image = false;
};

std::vector<Reference> References(pg::Connection& connection, const pg::QualifiedName& table) {
  const auto rows = connection.Query(std::string(sql_text::kReferences), {table.Sql()});
  std::vector<Reference> references;
  for (int i = 0; i < rows.rows(); ++i) {
    Reference reference{{rows.Text(i, 0), rows.Text(i, 1)}, {}};
    for (const base::Json& pair : base::ParseJson(rows.Text(i, 2), "columns of a foreign key")) {
      reference.columns.emplace_back(pair.at(0), pair.at(1));
    }
    references.push_back(std::move(reference));
  }
  return references;
}

Captured Prepare(pg::Connection& connection, const plan::DataChange::Capture& capture, std::size_t number) {
  if (capture.key.empty()) {
    throw base::Error(base::Code::kNoWayBack,
                      fmt::format("{} has no key by which its rows could be found again", capture.table.Text()));
  }
  std::set<std::string> unsettable;
  std::set<std::string> generated;
  const auto filled = connection.Query(std::string(sql_text::kFilledColumns), {capture.table.Sql()});
  for (int i = 0; i < filled.rows(); ++i) (filled.Bool(i, 1) ? generated : unsettable).insert(filled.Text(i, 0));
  const std::string net = fmt::format("pg_temp.switchback_net_{}", number);
  Captured captured{capture, net, ImageSql(capture, net, unsettable, generated, References(connection, capture.table)),
                    false};
  captured.by_image = connection.Exec(captured.sql.KeyChanged()).Bool(0, 0);
  connection.Exec(captured.sql.CreateNet(captured.by_image));
  return captured;
}

bool Violates(const base::Error& error) { return error.sqlstate().starts_with("23"); }

// Row by row, newest change first; a row that violates something is left alone with the server's word for it.
std::int64_t OneByOne(pg::Connection& connection, const Captured& captured, const std::string& kind,
                      Statement statement) {
  const auto rows = connection.Query(
      fmt::format("SELECT g::text FROM {} WHERE kind = $1 AND NOT settled ORDER BY seq DESC", captured.net), {kind});
  std::int64_t settled = 0;
  for (int i = 0; i < rows.rows(); ++i) {
    const std::string g = rows.Text(i, 0);
    connection.Exec("SAVEPOINT one");
    try {
      if (kind == "I") connection.Query(captured.sql.LockInserted(true), {g});
      settled += connection.Query((captured.sql.*statement)(true), {g}).affected();
      connection.Exec("RELEASE SAVEPOINT one");
    } catch (const base::Error& error) {
      if (!Violates(error)) throw;
      connection.Exec("ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one");
      connection.Query(fmt::format("UPDATE {} SET reason = $2 WHERE g = $1::text[]", captured.net),
                       {g, error.message()});
    }
  }
  return settled;
}

// All at once where nothing is violated.
std::int64_t Apply(pg::Connection& connection, const Captured& captured, const std::string& kind, Statement statement) {
  if (captured.by_image) return OneByOne(connection, captured, kind, statement);
  connection.Exec("SAVEPOINT every");
  try {
    std::int64_t settled = 0;
    if (kind == "I") connection.Exec(captured.sql.LockInserted(false));
    // A row may be referenced by another of those that go.
    for (std::int64_t more = 1; more > 0; settled += more) {
      more = connection.Exec((captured.sql.*statement)(false)).affected();
      if (kind != "I") return settled + more;
    }
    return settled;
  } catch (const base::Error& error) {
    if (!Violates(error)) throw;
    connection.Exec("ROLLBACK TO SAVEPOINT every");
  }
  return OneByOne(connection, captured, kind, statement);
}

void ListKept(pg::Connection& connection, const Captured& captured, base::Json& kept) {
  connection.Exec(captured.sql.GiveReasons());
  const auto rows =
      connection.Exec(fmt::format("SELECT key::text, reason FROM {} WHERE NOT settled ORDER BY seq", captured.net));
  for (int i = 0; i < rows.rows(); ++i) {
    kept.push_back({{"table", captured.capture.table.Text()},
                    {"key", base::ShownKey(base::ParseJson(rows.Text(i, 0), "key of a row"))},
                    {"reason", rows.Text(i, 1)}});
  }
}

// Triggers of the users would change what is put back, or write elsewhere. Until the transaction ends nobody else can
// write to the tables, so they are missed by none. Those of foreign keys go on.
class TriggersOff {
 public:
  TriggersOff(pg::Connection& connection, const plan::DataChange& change) : connection_(connection) {
    for (const auto& capture : change.captures) {
      const auto found = connection.Query(std::string(sql_text::kUsersTriggers), {capture.table.Sql()});
      for (int i = 0; i < found.rows(); ++i) {
        const std::string alter = "ALTER TABLE " + capture.table.Sql();
        const std::string trigger = " TRIGGER " + pg::Ident(found.Text(i, 0));
        connection.Exec(alter + " DISABLE" + trigger);
        back_.push_back(alter + " ENABLE " + found.Text(i, 1) + trigger);
      }
    }
  }
  void PutBack() {
    for (const std::string& statement : back_) connection_.Exec(statement);
  }

 private:
  pg::Connection& connection_;
  std::vector<std::string> back_;
};

}  // namespace

Undone UndoData(pg::Connection& connection, const plan::DataChange& change) {
  connection.Exec("SET CONSTRAINTS ALL IMMEDIATE");
  TriggersOff triggers(connection, change);
  std::list<Captured> captured;
  for (const auto& capture : change.captures) captured.push_back(Prepare(connection, capture, captured.size()));
  Undone undone;
  for (auto each = captured.rbegin(); each != captured.rend(); ++each) {
    undone.rows += Apply(connection, *each, "I", &ImageSql::TakeAway);
  }
  for (const Captured& each : captured) undone.rows += Apply(connection, each, "D", &ImageSql::PutBack);
  for (const Captured& each : captured) undone.rows += Apply(connection, each, "U", &ImageSql::SetBack);
  for (const Captured& each : captured) {
    ListKept(connection, each, undone.kept);
    connection.Exec(each.sql.EmptyImages());
    connection.Exec("DROP TABLE " + each.net);
  }
  triggers.PutBack();
  base::Failpoint(base::FailpointId::kUndoRows);
  return undone;
}

}  // namespace run
