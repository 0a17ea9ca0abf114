#include <gmock/gmock.h>

#include "base/error.h"
#include "plan/pair.h"
#include "postgres_test.h"
#include "salvage/quiet.h"
#include "salvage/refusals.h"
#include "salvage/salvage.h"
#include "salvage/sql_text.h"
#include "salvage/target.h"

namespace salvage {
namespace {

using test::PostgresTest;
using testing::ElementsAre;
using testing::Pair;

class SqlTest : public PostgresTest {};

TEST_F(SqlTest, ItsSqlIsPrepared) {
  auto connection = Connect();
  connection.Exec(std::string(sql_text::kSchema));
  connection.Exec(std::string(sql_text::kSchema));
  for (const auto& [file, sql] : sql_text::kAll) {
    if (file == "schema.sql") continue;
    EXPECT_NO_THROW(connection.CheckPrepares(std::string(sql))) << file;
  }
}

// One number stands in the way of another, and one is refused for good.
TEST_F(SqlTest, RefusedNumbersHoldUpNoOthers) {
  auto connection = Connect();
  connection.Exec(
      "CREATE TABLE public.t(id int PRIMARY KEY, v int UNIQUE, CHECK (id <> 1 OR v = 1));"
      "INSERT INTO public.t SELECT g, g FROM generate_series(1, 100) AS g; BEGIN");
  std::int64_t statements = 0;
  const auto refused = RunAllBut(connection, 100, [&](std::int64_t first, std::int64_t last) {
    ++statements;
    connection.Query("UPDATE public.t SET v = v + 1 WHERE id BETWEEN $1::text::int AND $2::text::int",
                     {std::to_string(first), std::to_string(last)});
  });
  EXPECT_THAT(refused, ElementsAre(Pair(1, testing::HasSubstr("check"))));
  EXPECT_EQ(connection.Query("SELECT sum(v) FROM public.t").Int(0, 0), 5050 + 99);
  EXPECT_LT(statements, 500);
}

// They have locks that nobody gives back.
TEST_F(SqlTest, PreparedTransactionsAreNamedWithTheirEnd) {
  auto connection = Connect();
  connection.Exec("CREATE TABLE public.held(id int)");
  EXPECT_NO_THROW(RequireNonePrepared(connection));
  connection.Exec("BEGIN; INSERT INTO public.held VALUES (1); PREPARE TRANSACTION 'it''s'");
  std::string hint;
  try {
    RequireNonePrepared(connection);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kObstructed);
    hint = error.hint();
  }
  connection.Exec("ROLLBACK PREPARED 'it''s'");
  EXPECT_THAT(hint, testing::HasSubstr("ROLLBACK PREPARED 'it''s';"));
  EXPECT_NO_THROW(RequireNonePrepared(connection));
}

// What fires for its own DDL is off for as long as that takes, where the role may alter it.
TEST_F(SqlTest, EventTriggersDoNotSeeItsDdl) {
  auto connection = Connect();
  connection.Exec(
      "CREATE TABLE public.seen(tag text); CREATE ROLE plain; CREATE FUNCTION public.see() RETURNS event_trigger "
      "LANGUAGE "
      "plpgsql AS 'BEGIN INSERT INTO public.seen VALUES (tg_tag); END';"
      "CREATE EVENT TRIGGER \"a'\"\"\" ON ddl_command_end EXECUTE FUNCTION public.see(); ALTER EVENT TRIGGER "
      "\"a'\"\"\" "
      "ENABLE REPLICA; CREATE EVENT TRIGGER off ON ddl_command_end EXECUTE FUNCTION public.see();"
      "ALTER EVENT TRIGGER off DISABLE; SET session_replication_role = replica");
  ExecQuietly(connection, "CREATE TABLE public.mine(); DROP TABLE public.mine");
  EXPECT_EQ(connection.Query("SELECT count(*) FROM public.seen").Int(0, 0), 0);
  EXPECT_EQ(
      connection.Query("SELECT string_agg(evtenabled::text, '' ORDER BY evtname) FROM pg_event_trigger").Text(0, 0),
      "RD");
  EXPECT_THAT(ReadEventTriggers(connection).loud, testing::IsEmpty());
  connection.Exec("SET ROLE plain");
  EXPECT_THAT(ReadEventTriggers(connection).loud, ElementsAre("a'\""));
  EXPECT_THAT(ReadEventTriggers(connection).off, testing::IsEmpty());
  connection.Exec("RESET ROLE; DROP ROLE plain");
}

// Of the old server's partitions too, which may be parted in another way.
TEST_F(SqlTest, ColumnsThatDecideOnThePartition) {
  auto connection = Connect();
  connection.Exec(
      "CREATE TABLE public.p(id int, day int, place text, v int, PRIMARY KEY (id, day, place)) PARTITION BY RANGE "
      "(day);"
      "CREATE TABLE public.plain(id int PRIMARY KEY)");
  Targets targets = ReadTargets(connection, {}, {});
  const auto deciding = [&] {
    std::set<std::string> names;
    for (const auto& [oid, table] : targets.tables) {
      for (const Column& column : table->columns) {
        if (column.decides) names.insert(column.name);
      }
    }
    return names;
  };
  EXPECT_THAT(deciding(), ElementsAre("day"));
  connection.Exec(
      "CREATE TABLE public.other(day int, v int, place text, id int, PRIMARY KEY (id, day, place)) PARTITION BY LIST "
      "(place); ALTER TABLE public.p ATTACH PARTITION public.other FOR VALUES FROM (0) TO (10)");
  AddPartitions(targets, connection);
  EXPECT_THAT(deciding(), ElementsAre("day", "place"));
}

// The physical names of a pair, from before expand to after purge.
TEST_F(SqlTest, ColumnsAreFoundUnderTheirNamesAtThatTime) {
  Table table;
  table.name = {"public", "t"};
  table.columns = {
      {.name = "id", .type = "integer", .type_oid = 23, .one_spelling = true, .in_unique = true, .sequence = ""},
      {.name = "v", .type = "integer", .type_oid = 23, .one_spelling = true, .in_unique = false, .sequence = ""}};
  table.key = {0};
  plan::Pair pair;
  pair.table = table.name;
  pair.old_name = pair.new_name = "v";
  pair.old_type = "integer";
  pair.new_type = "bigint";
  pair.shadow = pair.retired_new = "shadow";
  pair.retired_old = "retired";
  pair.up = {.function = "", .reads = {"v"}, .types = {"integer"}, .target_type = "bigint", .expression = ""};
  pair.down =
      plan::Direction{.function = "", .reads = {"v"}, .types = {"bigint"}, .target_type = "integer", .expression = ""};
  table.pairs = {pair};
  const auto sides = [&](const std::vector<std::pair<std::string, std::uint32_t>>& columns) {
    stream::Relation relation;
    for (const auto& [name, type] : columns) {
      relation.columns.push_back({.name = name, .type = type, .modifier = -1, .key = name == "id"});
    }
    const Shape shape = ShapeOf(table, relation);
    EXPECT_TRUE(shape.keyed);
    EXPECT_THAT(shape.unknown, testing::IsEmpty());
    return std::pair(shape.columns.at(1), shape.others.at(0));
  };
  EXPECT_EQ(sides({{"id", 23}, {"v", 23}}), std::pair(1, -1));
  EXPECT_EQ(sides({{"id", 23}, {"v", 23}, {"shadow", 20}}), std::pair(1, 2));
  EXPECT_EQ(sides({{"id", 23}, {"retired", 23}, {"v", 20}}), std::pair(1, 2)) << "after the switch";
  EXPECT_EQ(sides({{"id", 23}, {"v", 20}}), std::pair(-1, 1)) << "after purge";

  auto connection = Connect();
  const InStep in_step = InStepOf(pair, "($1::text[])");
  const auto ask = [&](const std::string& sql, const std::string& arguments) {
    return connection.Query("SELECT " + sql, {arguments}).Text(0, 0);
  };
  EXPECT_EQ(ask(in_step.agrees, "{7,7,7,7}"), "t");
  EXPECT_EQ(ask(in_step.follows, "{7,8,7,8}"), "f");
  EXPECT_EQ(ask(in_step.agrees, "{7,8,7,8}"), "t") << "a trigger would have made 8 of it";
  EXPECT_EQ(ask(in_step.agrees, "{7,NULL,7,NULL}"), "t") << "written before the trigger was there";
}

}  // namespace
}  // namespace salvage
