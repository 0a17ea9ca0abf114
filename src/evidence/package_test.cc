#include "evidence/package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "evidence/compose.h"
#include "evidence/markdown.h"
#include "evidence/report.h"
#include "evidence/test_story.h"

namespace evidence {
namespace {

namespace fs = std::filesystem;
using base::Json;
using testing::HasSubstr;
using testing::Not;

std::map<std::string, std::string> Content(const fs::path& package) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(package))
    files[entry.path().filename()] = base::ReadFile(entry.path());
  return files;
}

Json Built() {
  const story::Directory state;
  const story::Package package;
  return base::ReadJsonFile(story::Build(state.path(), package.inputs) / kEvidenceFile);
}

const Json& WayNamed(const Json& evidence, const std::string& name) {
  for (const Json& way : evidence.at("rollback").at("ways")) {
    if (way.at("way") == name) return way;
  }
  throw std::out_of_range(name);
}

TEST(Package, TheSameInputsGiveTheSameBytesAndOnlyTheTimeMakesADifference) {
  const story::Directory one;
  const story::Directory other;
  story::Package package;
  const fs::path first = story::Build(one.path(), package.inputs);
  EXPECT_EQ(first.filename(), "20261122T130000.000000Z");
  const auto content = Content(first);
  EXPECT_EQ(Content(story::Build(other.path(), package.inputs)), content);
  EXPECT_THAT(content, testing::SizeIs(8));
  EXPECT_EQ(content.at(kCheckpointFile), package.inputs.checkpoint_text);
  EXPECT_EQ(PackageDigest(first), "sha256:" + base::Sha256Hex(content.at(kSumsFile)));

  package.inputs.built_at += std::chrono::seconds(1);
  const fs::path second = story::Build(one.path(), package.inputs);
  Json later = base::ReadJsonFile(second / kEvidenceFile);
  const Json before = base::ParseJson(content.at(kEvidenceFile), "");
  later["built_at"] = before.at("built_at");
  later["journal"] = before.at("journal");
  later["digests"] = before.at("digests");
  EXPECT_EQ(base::Canonical(later) + "\n", content.at(kEvidenceFile));
  EXPECT_EQ(Newest(one.path()), second);
}

TEST(Package, ATornPackageIsNeverReadAndIsSweptAway) {
  const story::Directory state;
  const story::Package package;
  EXPECT_THROW(Newest(state.path()), base::Error);
  base::MakeDirectories(state.path() / "evidence" / "20991231T000000.000000Z.tmp");
  EXPECT_THROW(Newest(state.path()), base::Error);
  const fs::path built = story::Build(state.path(), package.inputs);
  EXPECT_EQ(Newest(state.path()), built);
  EXPECT_FALSE(fs::exists(state.path() / "evidence" / "20991231T000000.000000Z.tmp"));
  EXPECT_THROW(story::Build(state.path(), package.inputs), base::Error);
}

TEST(Package, APlanThatTheJournalDoesNotKnowMakesNoPackage) {
  const story::Directory state;
  story::Package package;
  plan::Plan other = story::Plan();
  other.steps[0].title = "something else";
  other.digest = plan::DigestOf(other);
  package.inputs.plan_text = plan::ToJson(other).dump();
  EXPECT_THROW(story::Build(state.path(), package.inputs), base::Error);
  EXPECT_FALSE(fs::exists(state.path() / "evidence"));
}

TEST(Evidence, SaysWhereTheReleaseStandsAndWhatEachStepDid) {
  const Json evidence = Built();
  EXPECT_EQ(evidence.at("standing").at("phase"), "migrate");
  EXPECT_EQ(evidence.at("standing").at("steps_done"), 2);
  EXPECT_TRUE(evidence.at("standing").at("in_flight").is_null());
  EXPECT_EQ(evidence.at("journal").at("count"), story::Events().size() + 1);
  const Json& expand = evidence.at("rollout").at("steps").at(0);
  EXPECT_EQ(expand.at("forward").size(), 3U);
  EXPECT_EQ(expand.at("forward").at(0).at("result"), "failed");
  EXPECT_EQ(expand.at("forward").at(1).at("result"), "done");
  EXPECT_EQ(expand.at("forward").at(1).at("locks").at(0).at("hold_ms"), 7);
  EXPECT_EQ(expand.at("reverse").size(), 1U);
  EXPECT_EQ(evidence.at("rollout").at("verdicts").size(), 2U);
}

TEST(Evidence, RemediationNamesWhatWentWrongAndTheWaysBackWithTheirMeasuredTime) {
  const Json part = Built().at("remediation");
  EXPECT_EQ(part.at("failures").size(), 1U);
  ASSERT_EQ(part.at("interruptions").size(), 1U);
  EXPECT_EQ(part.at("interruptions").at(0).at("step"), "migrate.1");
  ASSERT_EQ(part.at("refusals").size(), 1U);
  EXPECT_EQ(part.at("refusals").at(0).at("decision"), "HOLD");
  ASSERT_EQ(part.at("ways_back").size(), 1U);
  const Json& undo = part.at("ways_back").at(0);
  EXPECT_EQ(undo.at("steps"), Json({"migrate.1", "expand.1"}));
  EXPECT_EQ(undo.at("complete"), true);
  EXPECT_EQ(undo.at("measured_ms"), 3000);  // four lines, a second apart
  EXPECT_EQ(part.at("rows_kept").at(0).at("rows").at(0).at("key"), "7");
  EXPECT_EQ(part.at("notes").size(), 1U);
}

TEST(Evidence, EachWayBackSaysWhetherItIsPreparedAndWhenItWasProven) {
  const Json evidence = Built();
  EXPECT_EQ(WayNamed(evidence, "flag off").at("prepared"), "not configured");
  EXPECT_EQ(WayNamed(evidence, "code rollback").at("prepared"), "not configured");
  const Json& undo = WayNamed(evidence, "undo");
  EXPECT_EQ(undo.at("prepared"), "yes");
  EXPECT_EQ(undo.at("proven_at"), evidence.at("remediation").at("ways_back").at(0).at("ended_at"));
  const Json& restore = WayNamed(evidence, "restore");
  EXPECT_EQ(restore.at("prepared"), "yes");
  EXPECT_EQ(restore.at("proven_at"), base::FormatTime(story::At(2)));
  EXPECT_EQ(restore.at("measured_ms"), 4200);
  const base::Time done = story::At(static_cast<int>(story::Events().size()));
  EXPECT_EQ(evidence.at("rollback").at("window").at("opened_at"), base::FormatTime(done));
  EXPECT_EQ(evidence.at("rollback").at("window").at("closes_at"), base::FormatTime(done + std::chrono::hours(24)));
  EXPECT_EQ(evidence.at("rollback").at("point_of_no_return").at("passed"), false);
}

TEST(Evidence, AWayBackThatIsGoneOrWasNeverWalkedIsNotGreen) {
  story::Package package;
  package.release.flags["login"] = Json::object();
  package.release.applications["web"].code_rollback = {{"run", {"revert"}}};
  package.inputs.checkpoint_text.reset();
  story::Teller teller;
  teller.Tell("opened", {{"plan", story::Plan().digest}});
  for (const char* step : {"expand.1", "migrate.1", "contract.1", "purge.1"}) teller.Step(step, "forward");
  package.inputs.events = teller.events;
  const story::Directory state;
  const Json evidence = base::ReadJsonFile(story::Build(state.path(), package.inputs) / kEvidenceFile);
  for (const char* way : {"flag off", "code rollback", "undo", "restore"}) {
    EXPECT_EQ(WayNamed(evidence, way).at("prepared"), "no") << way;
    EXPECT_TRUE(WayNamed(evidence, way).at("proven_at").is_null()) << way;
  }
  EXPECT_EQ(evidence.at("rollback").at("point_of_no_return").at("passed"), true);
}

TEST(Evidence, ARestoreThatDiffersProvesNothing) {
  story::Package package;
  story::Teller teller;
  teller.Tell("checkpoint", {{"digest", story::Checkpoint(false).at("digest")}});
  const auto restored = [&teller](const char* schema, const char* contents) {
    teller.Tell("restored", {{"took_ms", 9000}, {"verification", {{"schema", schema}, {"contents", contents}}}});
  };
  restored("different", "not checked");
  restored("equal", "different");
  package.inputs.events = teller.events;
  const story::Directory state;
  const Json failed = base::ReadJsonFile(story::Build(state.path(), package.inputs) / kEvidenceFile);
  EXPECT_TRUE(WayNamed(failed, "restore").at("proven_at").is_null());
  EXPECT_EQ(failed.at("remediation").at("ways_back").at(1).at("complete"), false);
  restored("equal", "not checked");
  package.inputs.events = teller.events;
  package.inputs.built_at += std::chrono::seconds(1);
  const Json proven = base::ReadJsonFile(story::Build(state.path(), package.inputs) / kEvidenceFile);
  EXPECT_EQ(WayNamed(proven, "restore").at("proven_at"), base::FormatTime(story::At(4)));
  EXPECT_EQ(WayNamed(proven, "restore").at("measured_ms"), 9000);
}

TEST(Report, HoldsTheFirstScreenFirstAndNothingHostileGetsThrough) {
  story::Package package;
  package.release.title =
      "a | b\n# not a heading <script>alert(1)</script> `x` [y](http://z) @all \x1b[31m\xE2\x80\xAE"
      "drow";
  const story::Directory state;
  const std::string report = base::ReadFile(story::Build(state.path(), package.inputs) / kReportFile);
  EXPECT_LT(report.find("Stands"), report.find("Ways back"));
  EXPECT_LT(report.find("Ways back"), report.find("## Rollout results"));
  EXPECT_EQ(report.substr(0, 11), "# a \\| b \\#");
  for (const char* bad : {"<script>", "`x`", "@all", "\x1b", "\xE2\x80\xAE", "<b>", "://"}) {
    EXPECT_THAT(report, Not(HasSubstr(bad)));
  }
  EXPECT_THAT(report, HasSubstr("\\[y\\](http:&#47;/z)"));
  EXPECT_THAT(report, HasSubstr("ACCESS EXCLUSIVE public.users, held 7 ms"));
  EXPECT_THAT(report, HasSubstr("relation \"x\" is gone"));
}

TEST(Markdown, EveryTableRowHasAsManyCellsAsItsHead) {
  EXPECT_EQ(Table({"a", "b"}, {{Escape("x|y"), "z"}, {"only"}}),
            "| a | b |\n| --- | --- |\n| x\\|y | z |\n| only |  |\n");
  EXPECT_EQ(Escape("www.example.com"), "www&#46;example.com");
  EXPECT_EQ(Escape("a\\|b"), "a\\\\\\|b");
  EXPECT_EQ(Escape("größe 漢字"), "größe 漢字");
}

}  // namespace
}  // namespace evidence
