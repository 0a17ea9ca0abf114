// Every prefix of every plan, forward and back: what applications can write is kept in step, and a way forward works
// from wherever a way back stopped. Without a server: the steps' own text says it.
#include "plan/walk.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "catalog/catalog.h"
#include "plan/plan.h"
#include "release/release.h"

namespace plan {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

catalog::Column Column(const std::string& name, const std::string& type, bool not_null = false,
                       std::optional<std::string> default_expression = {}) {
  return {.name = name, .type = type, .not_null = not_null, .default_expression = std::move(default_expression)};
}

catalog::Constraint ForeignKey() {
  return {.name = "users_team_fkey",
          .type = 'f',
          .definition = "FOREIGN KEY (team) REFERENCES public.teams(id)",
          .columns = {"team"},
          .referenced = {"public", "teams"},
          .referenced_columns = {"id"}};
}

catalog::Table Users() {
  catalog::Table users;
  users.name = {"public", "users"};
  users.columns = {Column("id", "integer", true), Column("name", "text", true), Column("age", "integer", true, "0"),
                   Column("code", "integer"),     Column("note", "text", true), Column("team", "integer"),
                   Column("score", "integer")};
  users.constraints = {
      {.name = "users_pkey", .type = 'p', .definition = "PRIMARY KEY (id)", .columns = {"id"}, .index = "users_pkey"},
      {.name = "users_code_key",
       .type = 'u',
       .definition = "UNIQUE (code)",
       .columns = {"code"},
       .index = "users_code_key"},
      {.name = "short", .type = 'c', .definition = "CHECK ((length(name) < 50))", .columns = {"name"}},
      ForeignKey()};
  users.indexes = {{.name = "users_pkey",
                    .definition = "CREATE UNIQUE INDEX users_pkey ON public.users USING btree (id)",
                    .columns = {"id"},
                    .unique = true,
                    .primary = true,
                    .constraint = "users_pkey"},
                   {.name = "users_code_key",
                    .definition = "CREATE UNIQUE INDEX users_code_key ON public.users USING btree (code)",
                    .columns = {"code"},
                    .unique = true,
                    .constraint = "users_code_key"},
                   {.name = "by_name",
                    .definition = "CREATE INDEX by_name ON public.users USING btree (name)",
                    .columns = {"name"}}};
  return users;
}

catalog::Catalog Shop() {
  catalog::Catalog shop;
  shop.server_version = 150000;
  shop.role = "me";
  shop.search_path = {"public"};
  catalog::Table users = Users();
  catalog::Table teams;
  teams.name = {"public", "teams"};
  teams.columns = {Column("id", "integer", true), Column("title", "text")};
  teams.constraints = {
      {.name = "teams_pkey", .type = 'p', .definition = "PRIMARY KEY (id)", .columns = {"id"}, .index = "teams_pkey"}};
  for (const char* name : {"integer", "bigint", "text", "uuid"}) shop.types[name] = {name, true, {}};
  shop.types["int"] = {"integer", true, {}};
  const auto cast = [&](const char* from, const char* to, bool safe) {
    shop.casts[{from, to}] = {.exists = true, .coercible = false, .safe = safe};
  };
  cast("integer", "bigint", true);
  cast("bigint", "integer", false);
  cast("text", "integer", false);
  cast("integer", "text", true);
  shop.tables = {{users.name, users}, {teams.name, teams}};
  shop.indexes = {{{"public", "by_name"}, users.name}};
  return shop;
}

struct Given {
  std::string name;
  std::string change;
  std::map<std::string, release::Transform> transforms = {};  // of users
};

void PrintTo(const Given& given, std::ostream* out) { *out << given.name; }

Plan CompiledOver(const Given& given, const catalog::Catalog& catalog) {
  release::Release release;
  release.name = "20260101-walk";
  release.change_path = "change.sql";
  release.change_sql = given.change;
  if (!given.transforms.empty()) release.transforms["users"] = given.transforms;
  return Compile(release, catalog);
}

std::vector<std::string> Broken(const Plan& plan, const catalog::Catalog& catalog = Shop()) {
  return BrokenRules(plan, catalog::Describe(catalog, plan.tables));
}

const Given kGiven[] = {
    {"Rename", "ALTER TABLE users RENAME COLUMN name TO title"},
    {"RenameUnique", "ALTER TABLE users RENAME COLUMN code TO number"},
    {"RenameForeignKey", "ALTER TABLE users RENAME COLUMN team TO group_id"},
    {"Retype", "ALTER TABLE users ALTER COLUMN age TYPE bigint"},
    {"RetypeTwo", "ALTER TABLE users ALTER COLUMN age TYPE bigint, ALTER COLUMN score TYPE bigint"},
    {"RenameAndRetype",
     "ALTER TABLE users RENAME COLUMN age TO years; ALTER TABLE users ALTER COLUMN years TYPE bigint"},
    {"RenameRetypeTightenDefault",
     "ALTER TABLE users RENAME COLUMN score TO points; ALTER TABLE users ALTER COLUMN points TYPE bigint, ALTER COLUMN "
     "points SET NOT NULL, ALTER COLUMN points SET DEFAULT 5"},
    {"RenameAndLoosen",
     "ALTER TABLE users RENAME COLUMN age TO years; ALTER TABLE users ALTER COLUMN years DROP NOT NULL"},
    {"Lossy", "ALTER TABLE users RENAME COLUMN score TO grade", {{"grade", {"score / 10", "grade * 10"}}}},
    {"SwapTwoNames", "ALTER TABLE users RENAME COLUMN note TO remark; ALTER TABLE users RENAME COLUMN score TO points"},
    {"Add", "ALTER TABLE users ADD COLUMN nick text"},
    {"AddConstant", "ALTER TABLE users ADD COLUMN state text NOT NULL DEFAULT 'new'"},
    {"AddVolatile", "ALTER TABLE users ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid()"},
    {"AddComputed", "ALTER TABLE users ADD COLUMN upper_name text", {{"upper_name", {"upper(name)", ""}}}},
    {"Drop", "ALTER TABLE users DROP COLUMN note"},
    {"DropKeptFilled", "ALTER TABLE users DROP COLUMN note", {{"note", {"", "name"}}}},
    {"DropWithForeignKey", "ALTER TABLE users DROP COLUMN team"},
    {"SetNotNull", "ALTER TABLE users ALTER COLUMN score SET NOT NULL"},
    {"DropNotNull", "ALTER TABLE users ALTER COLUMN note DROP NOT NULL"},
    {"Defaults", "ALTER TABLE users ALTER COLUMN score SET DEFAULT 1, ALTER COLUMN age DROP DEFAULT"},
    {"AddUnique", "ALTER TABLE users ADD CONSTRAINT once UNIQUE (score)"},
    {"AddCheck", "ALTER TABLE users ADD CONSTRAINT positive CHECK (score > 0)"},
    {"AddForeignKey", "ALTER TABLE users ADD FOREIGN KEY (score) REFERENCES teams (id)"},
    {"DropCheck", "ALTER TABLE users DROP CONSTRAINT short"},
    {"DropForeignKey", "ALTER TABLE users DROP CONSTRAINT users_team_fkey"},
    {"Indexes", "CREATE INDEX by_score ON users (score); CREATE UNIQUE INDEX by_both ON users (score, age)"},
    {"DropIndex", "DROP INDEX by_name"},
    {"CreateTable", "CREATE TABLE made (id int PRIMARY KEY, u int REFERENCES users); CREATE INDEX made_u ON made (u)"},
    {"DropTable", "DROP TABLE users"},
    {"Update", "UPDATE users SET score = score * 10 WHERE score IS NOT NULL"},
    {"Identity", "ALTER TABLE users REPLICA IDENTITY FULL"},
    {"AllOfIt",
     "ALTER TABLE users RENAME COLUMN name TO title; ALTER TABLE users ALTER COLUMN age TYPE bigint; ALTER TABLE users "
     "ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid(); ALTER TABLE users DROP COLUMN note; ALTER TABLE users "
     "ADD CONSTRAINT once UNIQUE (score); ALTER TABLE users ALTER COLUMN score SET NOT NULL; ALTER TABLE users RENAME "
     "COLUMN code TO number; ALTER TABLE users DROP CONSTRAINT short; CREATE INDEX by_token ON users (token)"},
};

class WalkTest : public testing::TestWithParam<Given> {};

// Compile itself refuses a plan that breaks a rule; so that this is seen to be asked, it is asked again.
TEST_P(WalkTest, EveryPrefixKeepsTheRules) {
  for (const auto& [users_triggers, subscribed] : {std::pair{false, false}, {true, false}, {false, true}}) {
    catalog::Catalog shop = Shop();
    catalog::Table& users = shop.tables.at({"public", "users"});
    users.subscribed = subscribed;
    if (users_triggers) {
      users.triggers.push_back(
          {.name = "touch", .function = "public.touch", .before = true, .row = true, .on_insert = true});
    }
    const Plan plan = CompiledOver(GetParam(), shop);
    std::string blockers;
    for (const Blocker& blocker : plan.blockers) blockers += blocker.object + ": " + blocker.reason + "\n";
    ASSERT_EQ(blockers, "");
    ASSERT_FALSE(plan.steps.empty());
    EXPECT_THAT(Broken(plan, shop), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(All, WalkTest, testing::ValuesIn(kGiven), [](const auto& given) { return given.param.name; });

Step* With(Plan& plan, const std::string& text) {
  for (Step& step : plan.steps)
    if (step.title.find(text) != std::string::npos) return &step;
  ADD_FAILURE() << "no step " << text;
  return &plan.steps.front();
}

// One that does the statements that say `text` by itself, before or after the rest of them.
void Split(Plan& plan, Step& step, const std::string& text) {
  Step apart = step;
  const auto part = [&](std::vector<Statement>& statements, bool saying) {
    std::erase_if(statements, [&](const Statement& s) { return (s.sql.find(text) != std::string::npos) != saying; });
  };
  part(apart.forward, true);
  part(*apart.reverse, true);
  part(step.forward, false);
  part(*step.reverse, false);
  for (Step* each : {&apart, &step}) each->postcondition = each->reverse_postcondition = {};
  apart.id += "b";
  plan.steps.insert(plan.steps.begin() + (&step - plan.steps.data()) + 1, apart);
}

TEST(Walk, AColumnBeforeItsTriggersIsFound) {
  Plan plan = CompiledOver(kGiven[0], Shop());
  Split(plan, *With(plan, "kept in step"), "TRIGGER");
  EXPECT_THAT(Broken(plan),
              Contains(HasSubstr("applications can write public.users.title, and no trigger on UPDATE keeps title and "
                                 "name in step")));
}

TEST(Walk, ASwapThatForgetsTheFunctionsIsFound) {
  Plan plan = CompiledOver({"", "ALTER TABLE users ALTER COLUMN age TYPE bigint"}, Shop());
  Step& swap = *With(plan, "swap names");
  std::erase_if(swap.forward, [](const Statement& s) { return s.sql.find("FUNCTION") != std::string::npos; });
  EXPECT_THAT(Broken(plan), Contains(HasSubstr("can write public.users.age")));
}

TEST(Walk, ARetireThatForgetsTheFunctionsOnTheWayBackIsFound) {
  Plan plan = CompiledOver(kGiven[0], Shop());
  Step& retire = *With(plan, "retire the old columns");
  std::erase_if(*retire.reverse, [](const Statement& s) { return s.sql.find("FUNCTION") != std::string::npos; });
  EXPECT_THAT(Broken(plan), Contains(HasSubstr("can write public.users.title")));
}

TEST(Walk, AConstraintThatTakesAnEarlierStepsIndexAlongIsFound) {
  Plan plan = CompiledOver({"", "ALTER TABLE users ADD CONSTRAINT once UNIQUE (score)"}, Shop());
  With(plan, "make it the constraint")->reverse = With(plan, "way back of once")->reverse;
  EXPECT_THAT(Broken(plan), Contains(HasSubstr("there is no such index")));
}

TEST(Walk, AProofThatIsLostOnTheWayBackIsFound) {
  Plan plan = CompiledOver({"", "ALTER TABLE users ALTER COLUMN score SET NOT NULL"}, Shop());
  Step& set = *With(plan, "set public.users.score NOT NULL");
  const Step& check = *With(plan, "check that new rows");
  set.reverse = {{R"(ALTER TABLE "public"."users" ALTER COLUMN "score" DROP NOT NULL)"}, check.forward.front()};
  EXPECT_THAT(Broken(plan), Contains(HasSubstr("it would scan the table under ACCESS EXCLUSIVE")));
}

TEST(Walk, AStepThatDoesNotLeaveWhatItPromisesIsFound) {
  Plan plan = CompiledOver(kGiven[0], Shop());
  std::erase_if(With(plan, "kept in step")->forward,
                [](const Statement& s) { return s.sql.starts_with("CREATE TRIGGER"); });
  EXPECT_THAT(Broken(plan), Not(IsEmpty()));
}

}  // namespace
}  // namespace plan
