#include "cli/spelling.h"

#include <gtest/gtest.h>

namespace cli {
namespace {

Invocation Given(const std::string& release, const std::string& environment = "", const std::string& database = "") {
  Invocation invocation;
  invocation.environment = environment;
  if (!release.empty()) invocation.arguments["RELEASE"] = {release};
  if (!database.empty()) invocation.database = database;
  invocation.scope->release = "20261122-names";
  return invocation;
}

TEST(Spelling, SaysNothingThatNobodySaid) {
  const std::string text = "Run `switchback plan 20261122-names`, and read what changed.";
  EXPECT_EQ(Spelling(Given("names")).Text(text), text);
  EXPECT_EQ(Spelling().Text(text), text);
}

TEST(Spelling, EveryCommandOfATextGoesWhereThisOneWent) {
  const Spelling spelling(Given("names", "staging", "postgresql://db1/shop?a=b&c=d"));
  EXPECT_EQ(spelling.Text("switchback run 20261122-names goes on, `switchback rollback` goes back"),
            "switchback run --env staging --database 'postgresql://db1/shop?a=b&c=d' 20261122-names goes on, "
            "`switchback rollback --env staging --database 'postgresql://db1/shop?a=b&c=d'` goes back");
  EXPECT_EQ(Spelling(Given("names", "staging")).Text("switchback evidence verify /a"),
            "switchback evidence verify --env staging /a");
}

TEST(Spelling, OnlyCommandsAreChanged) {
  const Spelling spelling(Given("names", "staging"));
  for (const char* text : {"schema switchback is there", "switchback planned", "switchback.yaml",
                           "switchback explain SB2303", "/opt/switchback plan", "a-switchback plan", "switchback",
                           "switchback ", "", "switchback status --env production 20261122-names"}) {
    EXPECT_EQ(spelling.Text(text), text);
  }
}

TEST(Spelling, ACommandForAnotherEnvironmentStaysThere) {
  const Spelling spelling(Given("names", "production", "postgresql://db1/shop"));
  EXPECT_EQ(spelling.Text("`switchback expand --env staging 20261122-names`"),
            "`switchback expand --env staging 20261122-names`");
}

TEST(Spelling, AReleaseIsWrittenAsItWasGiven) {
  EXPECT_EQ(Spelling(Given("../shop/releases/20261122-names")).Text("switchback run 20261122-names --until purge"),
            "switchback run ../shop/releases/20261122-names --until purge");
  EXPECT_EQ(Spelling(Given(".")).Text("switchback run 20261122-names, switchback run 20261122-names-2"),
            "switchback run ., switchback run 20261122-names-2");
  Invocation invocation = Given("two words");
  invocation.scope->release = "two words";
  EXPECT_EQ(Spelling(invocation).Text("switchback run two words"), "switchback run 'two words'");
}

TEST(Spelling, OfJsonOnlyAdviceIsChanged) {
  const Spelling spelling(Given("names", "staging"));
  const base::Json json = {{"next", "switchback status"},
                           {"text", "switchback status"},
                           {"open", {{{"remedy", "switchback close x"}, {"next", {"switchback status"}}}}}};
  EXPECT_EQ(
      spelling.Advice(json),
      (base::Json{{"next", "switchback status --env staging"},
                  {"text", "switchback status"},
                  {"open", {{{"remedy", "switchback close --env staging x"}, {"next", {"switchback status"}}}}}}));
}

}  // namespace
}  // namespace cli
