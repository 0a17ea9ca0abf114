#include "catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "catalog/carry.h"
#include "catalog/parts.h"

namespace catalog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Catalog, ResolvesNamesThroughTheSearchPath) {
  Catalog catalog;
  catalog.search_path = {"app", "public"};
  for (const char* schema : {"public", "other"}) {
    catalog.tables[{schema, "t"}].name = {schema, "t"};
    catalog.indexes[{schema, "i"}] = {schema, "t"};
  }
  EXPECT_EQ(catalog.Find("", "t")->name.schema, "public");
  EXPECT_EQ(catalog.Find("other", "t")->name.schema, "other");
  EXPECT_EQ(catalog.Find("app", "t"), nullptr);
  EXPECT_EQ(catalog.Find("", "u"), nullptr);
  EXPECT_EQ(catalog.FindIndex("", "i")->first, (pg::QualifiedName{"public", "i"}));
  EXPECT_EQ(catalog.FindIndex("other", "i")->second, (pg::QualifiedName{"other", "t"}));
  EXPECT_EQ(catalog.FindIndex("app", "i"), nullptr);
  EXPECT_EQ(catalog.CreationSchema(), "app");
  EXPECT_TRUE(catalog.CastBetween("a", "a").safe);
  EXPECT_FALSE(catalog.CastBetween("a", "b").exists);
  EXPECT_THROW((void)catalog.TypeOf("int"), base::Error);
}

TEST(HasWord, FindsWholeWordsAndQuotedNames) {
  EXPECT_TRUE(HasWord("select NAME from t", "name"));
  EXPECT_TRUE(HasWord("new.name:=1", "name"));
  EXPECT_TRUE(HasWord("select \"name\"", "name"));
  EXPECT_TRUE(HasWord("surname, name", "name"));
  EXPECT_FALSE(HasWord("surname names name2 _name näme nameé name$", "name"));
  EXPECT_TRUE(HasWord("x.\"we\"\"ird na\"=1", "we\"ird na"));
  EXPECT_FALSE(HasWord("x.we\"ird na", "we\"ird na"));
  EXPECT_FALSE(HasWord("", "name"));
  EXPECT_FALSE(HasWord("name", ""));
}

Table Users() {
  Table table;
  table.name = {"public", "users"};
  table.columns = {{.name = "age", .type = "integer"}, {.name = "mail", .type = "text"}};
  table.constraints = {{.name = "k", .definition = "CHECK (age > 0)"}};
  table.triggers = {{.name = "sync", .definition = "CREATE TRIGGER sync", .ours = true}};
  table.dependents = {
      {.kind = Dependent::Kind::kView, .name = "public.v", .columns = {"age"}, .definition = "SELECT 1"}};
  return table;
}

base::Json Described(const Table& table) { return {{table.name.Text(), Describe(table)}}; }

// Whoever holds a description learns what was done knowingly, and goes on to see what others did.
TEST(Carry, TakesOverWhatAStepDidAndNothingElse) {
  const base::Json before = {{"t", {{"columns", {{"a", 1}, {"b", {{"default", 1}, {"type", 1}}}}}}},
                             {"gone", {{"k", 1}}}};
  base::Json after = before;
  after["t"]["columns"].erase("a");
  after["t"]["columns"]["c"] = 3;
  after["t"]["columns"]["b"]["type"] = 2;
  after["gone"] = nullptr;
  after["others"] = {{"k", 1}};
  const base::Json held = {{"t", {{"columns", {{"a", 1}, {"b", {{"default", 0}, {"type", 1}}}, {"x", 9}}}}},
                           {"gone", {{"k", 1}}}};
  const base::Json carried = Carry(held, before, after);
  EXPECT_EQ(carried, base::Json({{"t", {{"columns", {{"b", {{"default", 0}, {"type", 2}}}, {"c", 3}, {"x", 9}}}}},
                                 {"gone", nullptr}}));
  EXPECT_EQ(Carry(carried, after, before)["t"]["columns"]["a"], 1) << "there and back";
  EXPECT_EQ(Carry(held, before, before), held);
}

TEST(Differences, AreSentences) {
  const auto before = Users();
  EXPECT_THAT(Differences(Described(before), Described(before)), IsEmpty());
  auto after = before;
  after.columns[0].type = "bigint";
  after.columns[0].not_null = true;
  after.columns[0].default_expression = "5";
  after.columns[1].name = "e-mail";
  after.constraints[0].validated = false;
  after.indexes = {{.name = "i", .definition = "CREATE INDEX i"}};
  after.dependents[0].columns.emplace_back("mail");
  after.grants = {"app=r/postgres"};
  after.row_security = true;
  EXPECT_THAT(
      Differences(Described(before), Described(after)),
      ElementsAre(
          "public.users: column age: default is 5, was none", "public.users: column age is NOT NULL, was nullable",
          "public.users: column age is bigint, was integer", "public.users: column e-mail is new: text",
          "public.users: column mail is gone", "public.users: constraint k is not validated, was so",
          "public.users: index i is new: CREATE INDEX i", "public.users: view public.v: columns is age, mail, was age",
          "public.users: grants is app=r/postgres, was none", "public.users: row security is on, was off"));
  EXPECT_THAT(Differences(Described(before), {{"public.users", nullptr}}),
              ElementsAre("public.users: the table is gone"));
  EXPECT_THAT(Differences({{"public.users", nullptr}}, Described(before)),
              ElementsAre("public.users: the table is new"));
}

TEST(Describe, LeavesOutWhatIsOurOwnAndTheOrderOfColumns) {
  const auto before = Users();
  auto after = before;
  after.triggers.clear();
  std::swap(after.columns[0], after.columns[1]);
  after.oid = 7;
  after.bytes = 8;
  EXPECT_EQ(Describe(before), Describe(after));
}

}  // namespace
}  // namespace catalog
