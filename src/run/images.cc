#include "run/images.h"

#include <fmt/core.h>

#include <list>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/redact.h"
#include "run/image_sql.h"
#include "run/sql_text.h"

namespace run {
namespace {

using All = std::string (ImageSql::*)() const;
using Statement = std::string (ImageSql::*)(bool one) const;

// How rows of one kind go back: all together from the images, and from the net, all together or one by one.
struct Way {
  char kind;
  All all;
  Statement statement;
};
constexpr Way kTakeAway{'I', &ImageSql::TakeAwayAll, &ImageSql::TakeAway};
constexpr Way kPutBack{'D', &ImageSql::PutBackAll, &ImageSql::PutBack};
constexpr Way kSetBack{'U', &ImageSql::SetBackAll, &ImageSql::SetBack};

struct Captured {
  const plan::DataChange::Capture& capture;
  ImageSql sql;
  std::map<char, std::int64_t> images = {};  // by kind
  bool alone = true;                         // each row has one image
  bool by_image = false;                     // rows moved to other keys, so that each image goes back by itself
  bool net = false;                          // the table is there, and something is in it

  [[nodiscard]] std::string Kind(const Way& way) const { return std::string(1, way.kind); }
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
  Captured captured{capture, ImageSql(capture, number, unsettable, generated, References(connection, capture.table))};
  const pg::Result survey = connection.Exec(captured.sql.Survey());
  captured.images = {{'I', survey.Int(0, 1)}, {'D', survey.Int(0, 2)}, {'U', survey.Int(0, 3)}};
  captured.by_image = survey.Bool(0, 4);
  constexpr int kFirstColumn = 5;
  std::vector<std::size_t> changed;
  for (std::size_t i = 1; i <= capture.columns.size(); ++i) {
    if (survey.Bool(0, kFirstColumn - 1 + static_cast<int>(i))) changed.push_back(i);
  }
  captured.sql.Apply(survey.Text(0, 0), changed);
  captured.alone = !captured.by_image && !connection.Exec(captured.sql.AnyTwice()).Bool(0, 0);
  connection.Exec(captured.alone ? captured.sql.CreateSettled() : captured.sql.CreateNet(captured.by_image));
  captured.net = !captured.alone;
  return captured;
}

bool Violates(const base::Error& error) { return error.sqlstate().starts_with("23"); }

// Row by row, newest change first; a row that violates something is left alone with the server's word for it.
std::int64_t OneByOne(pg::Connection& connection, const Captured& captured, const Way& way, RowsDone* done) {
  const auto rows = connection.Query(
      fmt::format("SELECT g::text FROM {} WHERE kind = $1 AND NOT settled ORDER BY seq DESC", captured.sql.net()),
      {captured.Kind(way)});
  std::int64_t settled = 0;
  for (int i = 0; i < rows.rows(); ++i) {
    const std::string g = rows.Text(i, 0);
    connection.Exec("SAVEPOINT one");
    try {
      if (way.kind == 'I') connection.Query(captured.sql.LockInserted(true), {g});
      settled += connection.Query((captured.sql.*way.statement)(true), {g}).affected();
      connection.Exec("RELEASE SAVEPOINT one");
    } catch (const base::Error& error) {
      if (!Violates(error)) throw;
      connection.Exec("ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one");
      connection.Query(fmt::format("UPDATE {} SET reason = $2 WHERE g = $1::text[]", captured.sql.net()),
                       {g, error.message()});
    }
    if (done != nullptr) done->Add();
  }
  return settled;
}

// Runs a statement until it finds no more: a row may be referenced by another of those that go.
std::int64_t Repeated(pg::Connection& connection, const Way& way, const std::string& statement) {
  std::int64_t settled = 0;
  for (std::int64_t more = 1; more > 0; settled += more) {
    more = connection.Exec(statement).affected();
    if (way.kind != 'I') return more;
  }
  return settled;
}

// Nothing where something is violated: then nothing was done.
std::optional<std::int64_t> Together(pg::Connection& connection, const Way& way, const std::string& lock,
                                     const std::string& statement) {
  connection.Exec("SAVEPOINT every");
  try {
    if (way.kind == 'I') connection.Exec(lock);
    const std::int64_t settled = Repeated(connection, way, statement);
    connection.Exec("RELEASE SAVEPOINT every");
    return settled;
  } catch (const base::Error& error) {
    if (!Violates(error)) throw;
    connection.Exec("ROLLBACK TO SAVEPOINT every");
  }
  return std::nullopt;
}

// What is not settled of a kind goes into the net.
void FillNet(pg::Connection& connection, Captured& captured, const Way& way) {
  if (!captured.net) connection.Exec(captured.sql.CreateEmptyNet());
  captured.net = true;
  connection.Query(captured.sql.FillNet(), {captured.Kind(way)});
}

std::int64_t Apply(pg::Connection& connection, Captured& captured, const Way& way, RowsDone* done) {
  const ImageSql& sql = captured.sql;
  if (captured.alone) {
    const std::int64_t images = captured.images.at(way.kind);
    if (images == 0) return 0;
    const auto settled = Together(connection, way, sql.LockInsertedAll(), (sql.*way.all)());
    if (settled == images) return images;
    FillNet(connection, captured, way);
    return settled ? *settled : OneByOne(connection, captured, way, done);
  }
  if (!captured.by_image) {
    const auto settled = Together(connection, way, sql.LockInserted(false), (sql.*way.statement)(false));
    if (settled) return *settled;
  }
  return OneByOne(connection, captured, way, done);
}

void ListKept(pg::Connection& connection, const Captured& captured, base::Json& kept) {
  if (!captured.net) return;
  connection.Exec(captured.sql.GiveReasons());
  const pg::Result numbers = connection.Query(
      "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = $1::pg_catalog.regclass AND NOT attisdropped AND "
      "atttypid = ANY ('{int8,int2,int4,oid}'::pg_catalog.regtype[])",
      {captured.capture.table.Sql()});
  std::set<std::string> whole;
  for (int i = 0; i < numbers.rows(); ++i) whole.insert(numbers.Text(i, 0));
  const auto rows = connection.Exec(
      fmt::format("SELECT key::text, reason FROM {} WHERE NOT settled ORDER BY seq", captured.sql.net()));
  for (int i = 0; i < rows.rows(); ++i) {
    kept.push_back({{"table", captured.capture.table.Text()},
                    {"key", base::ShownKey(base::ParseJson(rows.Text(i, 0), "key of a row"),
                                           [&](const std::string& column) { return whole.contains(column); })},
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

Undone UndoData(pg::Connection& connection, const plan::DataChange& change, RowsDone* rows) {
  connection.Exec("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL work_mem = '64MB'");
  TriggersOff triggers(connection, change);
  std::list<Captured> captured;
  std::int64_t images = 0;
  for (const auto& capture : change.captures) {
    captured.push_back(Prepare(connection, capture, captured.size()));
    for (const auto& [kind, count] : captured.back().images) images += count;
  }
  if (rows != nullptr) rows->Expect(images, false);
  Undone undone;
  for (auto each = captured.rbegin(); each != captured.rend(); ++each) {
    undone.rows += Apply(connection, *each, kTakeAway, rows);
  }
  for (const Way& way : {kPutBack, kSetBack}) {
    for (Captured& each : captured) undone.rows += Apply(connection, each, way, rows);
  }
  for (const Captured& each : captured) {
    ListKept(connection, each, undone.kept);
    connection.Exec(each.sql.EmptyImages());
    if (each.net) connection.Exec("DROP TABLE " + each.sql.net());
    if (each.alone) connection.Exec("DROP TABLE " + each.sql.settled());
  }
  triggers.PutBack();
  base::Failpoint(base::FailpointId::kUndoRows);
  return undone;
}

}  // namespace run
