#include <fmt/format.h>

#include "catalog/catalog.h"
#include "run/hand_plan.h"

namespace run {
namespace {

const pg::QualifiedName kUsers{"public", "user \"accounts\""};
const std::string kHex = "0badcafe";

std::string ColumnExists(const std::string& column) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass({}) AND attname = {} AND NOT attisdropped)",
      pg::Literal(kUsers.Sql()), pg::Literal(column));
}
std::string ColumnMissing(const std::string& column) { return fmt::format("SELECT NOT ({})", ColumnExists(column)); }

std::string Rename(const std::string& from, const std::string& to) {
  return fmt::format("ALTER TABLE {} RENAME COLUMN {} TO {}", kUsers.Sql(), pg::Ident(from), pg::Ident(to));
}

// Keeps the two sides in step; the old one goes by `old_name`.
std::string SyncFunction(const std::string& old_name) {
  return fmt::format(
      "CREATE OR REPLACE FUNCTION switchback.sync_{0}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog "
      "AS $f$ BEGIN "
      "IF TG_OP = 'INSERT' THEN IF NEW.{1} IS NULL THEN NEW.{1} := NEW.{2}; ELSE NEW.{2} := NEW.{1}; END IF; "
      "ELSIF NEW.{1} IS DISTINCT FROM OLD.{1} THEN NEW.{2} := NEW.{1}; ELSE NEW.{1} := NEW.{2}; END IF; RETURN NEW; "
      "END $f$",
      kHex, pg::Ident("display name"), pg::Ident(old_name));
}

plan::Step Step(const std::string& id, plan::Phase phase, plan::StepKind kind, const std::string& title) {
  plan::Step step;
  step.id = id;
  step.phase = phase;
  step.kind = kind;
  step.title = title;
  step.reverse_title = "take back: " + title;
  return step;
}

plan::Step AddColumn() {
  auto step = Step("expand.1", plan::Phase::kExpand, plan::StepKind::kSql, "add the column");
  step.forward = {
      {fmt::format("ALTER TABLE {} ADD COLUMN \"display name\" text", kUsers.Sql()), ColumnMissing("sbr_0badcafe_1")},
      {Rename("sbr_0badcafe_1", "display name"), ColumnExists("sbr_0badcafe_1")}};
  step.reverse = {{Rename("display name", "sbr_0badcafe_1")}};
  step.postcondition = {ColumnExists("display name"), "the column is there"};
  step.reverse_postcondition = {ColumnMissing("display name"), "the column is gone"};
  return step;
}

plan::Step Sync() {
  auto step = Step("expand.2", plan::Phase::kExpand, plan::StepKind::kSql, "keep both in step");
  step.forward = {
      {SyncFunction("Name")},
      {fmt::format(
          "CREATE TRIGGER \"!sync\" BEFORE INSERT OR UPDATE ON {} FOR EACH ROW WHEN "
          "(current_setting('switchback.bypass', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION switchback.sync_{}()",
          kUsers.Sql(), kHex)}};
  step.reverse = {{fmt::format("DROP TRIGGER \"!sync\" ON {}", kUsers.Sql())},
                  {fmt::format("DROP FUNCTION switchback.sync_{}()", kHex)}};
  const std::string exists =
      fmt::format("SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass({}) AND tgname = '!sync')",
                  pg::Literal(kUsers.Sql()));
  step.postcondition = {exists, "the trigger is there"};
  step.reverse_postcondition = {"SELECT NOT (" + exists + ")", "the trigger is gone"};
  return step;
}

plan::Step Fill() {
  auto step = Step("migrate.1", plan::Phase::kMigrate, plan::StepKind::kBackfill, "fill the column");
  step.transactional = false;
  step.backfill = plan::Backfill{.table = kUsers,
                                 .column = "display name",
                                 .pending = "t.\"display name\" IS DISTINCT FROM t.\"Name\"",
                                 .value = "t.\"Name\"",
                                 .unconverted = "t.\"Name\" = 'unconvertible'",
                                 .unconverted_reason = "'because ' || t.\"Name\"",
                                 .key = {"id"}};
  step.postcondition = {
      fmt::format("SELECT NOT EXISTS (SELECT FROM {} AS t WHERE {})", kUsers.Sql(), step.backfill->pending),
      "no row is pending", true};
  return step;
}

plan::Step Index() {
  auto step = Step("migrate.2", plan::Phase::kMigrate, plan::StepKind::kConcurrent, "index the column");
  step.transactional = false;
  step.index = "public.\"display index\"";
  step.forward = {{fmt::format("CREATE INDEX CONCURRENTLY \"display index\" ON {} (\"display name\")", kUsers.Sql())}};
  step.reverse = {{"DROP INDEX CONCURRENTLY IF EXISTS " + step.index}};
  const std::string valid =
      fmt::format("SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass({}) AND indisvalid)",
                  pg::Literal(step.index));
  step.postcondition = {valid, "the index is valid"};
  step.reverse_postcondition = {fmt::format("SELECT to_regclass({}) IS NULL", pg::Literal(step.index)),
                                "the index is gone"};
  return step;
}

plan::Step Images() {
  auto step = Step("migrate.3", plan::Phase::kMigrate, plan::StepKind::kSql, "keep images of what the UPDATE changes");
  step.forward = {{"CREATE TABLE IF NOT EXISTS switchback.images_1 (seq bigint GENERATED ALWAYS AS IDENTITY, op "
                   "\"char\", b1 integer, b2 integer, b3 "
                   "text, a1 integer, a2 integer, a3 text)"},
                  {"CREATE OR REPLACE FUNCTION switchback.capture_1() RETURNS trigger LANGUAGE plpgsql SET search_path "
                   "= pg_catalog AS $f$ BEGIN INSERT "
                   "INTO switchback.images_1 (op, b1, b2, b3, a1, a2, a3) VALUES ('U', OLD.id, OLD.age, OLD.\"Name\", "
                   "NEW.id, NEW.age, NEW.\"Name\"); "
                   "RETURN NULL; END $f$"},
                  {fmt::format("CREATE TRIGGER \"~capture\" AFTER UPDATE ON {} FOR EACH ROW WHEN "
                               "(current_setting('switchback.capture', true) = "
                               "'change 1') EXECUTE FUNCTION switchback.capture_1()",
                               kUsers.Sql())}};
  step.reverse = {{fmt::format("DROP TRIGGER \"~capture\" ON {}", kUsers.Sql())},
                  {"DROP FUNCTION switchback.capture_1()"},
                  {"DROP TABLE switchback.images_1"}};
  return step;
}

plan::Step Data() {
  auto step = Step("migrate.4", plan::Phase::kMigrate, plan::StepKind::kData, "everyone grows older");
  step.search_path = "public";
  step.forward = {{"UPDATE \"user \"\"accounts\"\"\" SET age = age + 1000 WHERE id % 2 = 0"}};
  step.data = plan::DataChange{
      .capture_id = "change 1",
      .captures = {{.table = kUsers, .images = "images_1", .columns = {"id", "age", "Name"}, .key = {"id"}}}};
  return step;
}

plan::Step Retire() {
  auto step = Step("contract.1", plan::Phase::kContract, plan::StepKind::kSql, "retire the old name");
  step.forward = {{Rename("Name", "sbr_0badcafe_2")}, {SyncFunction("sbr_0badcafe_2")}};
  step.reverse = {{Rename("sbr_0badcafe_2", "Name")}, {SyncFunction("Name")}};
  step.postcondition = {ColumnMissing("Name"), "the old name is gone"};
  step.reverse_postcondition = {ColumnExists("Name"), "the old name is back"};
  return step;
}

}  // namespace

plan::Plan HandPlan() {
  plan::Plan plan;
  plan.release = "20261122-rename";
  plan.hex = kHex;
  plan.steps = {AddColumn(), Sync(), Fill(), Index(), Images(), Data(), Retire()};
  plan.tables = {kUsers};
  plan.claims = {{kUsers, false, {"Name", "display name"}, {"id"}}};
  plan.digest = "sha256:by hand";
  return plan;
}

void CreateUsers(pg::Connection& connection, int rows) {
  connection.Exec(
      fmt::format("CREATE TABLE {0} (id integer PRIMARY KEY, \"Name\" text NOT NULL, age integer DEFAULT 7); "
                  "INSERT INTO {0} SELECT i, 'name ' || i, i % 90 FROM generate_series(1, {1}) AS i",
                  kUsers.Sql(), rows));
}

std::string Seen(pg::Connection& connection, bool with_retired) {
  const auto columns = connection.Query(
      "SELECT string_agg(attname || ' ' || atttypid::regtype || ' ' || attnotnull, ', ' ORDER BY attname COLLATE "
      "\"C\"), "
      "string_agg(format('%I', attname), ', ' ORDER BY attname COLLATE \"C\") FROM pg_attribute WHERE attrelid = "
      "to_regclass($1) "
      "AND attnum > 0 AND NOT attisdropped AND ($2 OR attname NOT LIKE 'sbr%')",
      {kUsers.Sql(), with_retired ? "t" : "f"});
  const auto hangs = connection.Query(
      "SELECT (SELECT string_agg(pg_get_indexdef(indexrelid) || indisvalid, '; ' ORDER BY indexrelid::regclass::text) "
      "FROM pg_index WHERE indrelid = "
      "to_regclass($1)), (SELECT string_agg(tgname, '; ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = "
      "to_regclass($1))",
      {kUsers.Sql()});
  const auto content = connection.Exec(
      fmt::format("SELECT count(*), md5(string_agg(r::text, E'\\n' ORDER BY id)) FROM (SELECT {} FROM {}) AS r",
                  columns.Text(0, 1), kUsers.Sql()));
  return fmt::format("{}\n{}\n{}\n{} rows, {}", columns.Text(0, 0), hangs.Text(0, 0), hangs.Text(0, 1),
                     content.Text(0, 0), content.Text(0, 1));
}

}  // namespace run
