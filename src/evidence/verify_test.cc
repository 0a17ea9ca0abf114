#include "evidence/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <functional>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "evidence/package.h"
#include "evidence/test_story.h"

namespace evidence {
namespace {

namespace fs = std::filesystem;
using base::Json;
using testing::HasSubstr;
using Lines = std::vector<std::string>;

class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    package_ = story::Build(state_.path(), story_.inputs);
    std::istringstream journal(base::ReadFile(package_ / kJournalFile));
    for (std::string line; std::getline(journal, line);) lines_.push_back(line);
  }
  [[nodiscard]] std::string Read(const char* file) const { return base::ReadFile(package_ / file); }
  void Write(const char* file, const std::string& text) const { std::ofstream(package_ / file) << text; }
  void WriteJournal(const Lines& lines) const { Write(kJournalFile, Joined(lines)); }
  static std::string Joined(const Lines& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }
  // Of the package's journal.
  [[nodiscard]] std::vector<journal::Event> Events() const {
    std::vector<journal::Event> events;
    for (const std::string& line : lines_) events.push_back(journal::FromLine(line));
    return events;
  }
  // What a forger does who knows of SHA256SUMS.
  void MakeSumsFit() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(package_)) {
      const std::string name = entry.path().filename();
      if (name != kSumsFile) files[name] = base::ReadFile(entry.path());
    }
    Write(kSumsFile, Sums(files));
  }
  // The first finding, whether or not the sums were made to fit.
  void ExpectJournalFinding(const Lines& lines, std::int64_t line, const std::string& kind, const std::string& what) {
    WriteJournal(lines);
    for (const bool fit : {false, true}) {
      if (fit) MakeSumsFit();
      const Verification verification = Verify(package_, std::nullopt);
      ASSERT_FALSE(verification.Holds()) << what;
      EXPECT_EQ(verification.findings[0].file, kJournalFile) << what;
      EXPECT_EQ(verification.findings[0].line, line) << what;
      EXPECT_EQ(verification.findings[0].kind, kind) << what;
    }
    WriteJournal(lines_);
    MakeSumsFit();
  }
  std::vector<std::string> Kinds(const std::optional<Lines>& mirror = std::nullopt) {
    std::vector<std::string> kinds;
    for (const Finding& finding : Verify(package_, mirror).findings) kinds.push_back(finding.file + " " + finding.kind);
    return kinds;
  }
  // Builds the package anew from another history: all digests fit.
  void Forge(const std::vector<journal::Event>& events) {
    fs::remove_all(package_);
    story_.inputs.events = events;
    package_ = story::Build(state_.path(), story_.inputs);
  }

  story::Directory state_;
  story::Package story_;
  fs::path package_;
  Lines lines_;
};

TEST_F(VerifyTest, WhatWasBuiltHoldsAndSaysWhatWasNotLookedAt) {
  const Verification alone = Verify(package_, std::nullopt);
  EXPECT_TRUE(alone.Holds()) << Text(alone);
  EXPECT_EQ(alone.events, static_cast<std::int64_t>(lines_.size()));
  EXPECT_EQ(alone.release, "20261122-names");
  EXPECT_THAT(alone.unchecked, testing::ElementsAre(HasSubstr("mirror")));
  const Verification some = Verify(package_, Lines(lines_.begin(), lines_.begin() + 5));
  EXPECT_THAT(some.unchecked, testing::ElementsAre(HasSubstr("No mirror holds lines 6 to " +
                                                             std::to_string(lines_.size()) + " of the journal")));
  const Verification whole = Verify(package_, lines_);
  EXPECT_TRUE(whole.Holds()) << Text(whole);
  EXPECT_THAT(whole.unchecked, testing::IsEmpty());
  EXPECT_THROW(Verify(package_ / "nowhere", std::nullopt), base::Error);
}

TEST_F(VerifyTest, AChangedByteIsFoundInItsLine) {
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto number = static_cast<std::int64_t>(i) + 1;
    for (const char* member : {"\"at\":\"2026", "\"kind\":\"", "\"prev\":\"", "\"hash\":\""}) {
      Lines lines = lines_;
      char& byte = lines[i][lines[i].find(member) + std::string(member).size()];
      byte = byte == '1' ? '2' : '1';
      const bool unreadable = std::string(member).starts_with("\"at\"");
      ExpectJournalFinding(lines, number, unreadable ? "torn" : "changed", member + std::to_string(number));
    }
    Lines spaced = lines_;
    spaced[i].insert(1, " ");
    ExpectJournalFinding(spaced, number, "changed", "space " + std::to_string(number));
  }
}

TEST_F(VerifyTest, ARemovedSwappedOrDoubledLineIsFoundWhereItBreaks) {
  const auto count = static_cast<std::int64_t>(lines_.size());
  for (std::int64_t i = 0; i < count; ++i) {
    Lines removed = lines_;
    removed.erase(removed.begin() + i);
    ExpectJournalFinding(removed, i + 1, i + 1 == count ? "shortened" : "removed", "removed " + std::to_string(i + 1));
    Lines doubled = lines_;
    doubled.insert(doubled.begin() + i, lines_[static_cast<std::size_t>(i)]);
    ExpectJournalFinding(doubled, i + 2, "reordered", "doubled " + std::to_string(i + 1));
    if (i + 1 == count) continue;
    Lines swapped = lines_;
    std::swap(swapped[static_cast<std::size_t>(i)], swapped[static_cast<std::size_t>(i) + 1]);
    ExpectJournalFinding(swapped, i + 1, "reordered", "swapped " + std::to_string(i + 1));
  }
}

TEST_F(VerifyTest, AJournalThatEndsTooEarlyOrTooLateIsFound) {
  for (std::size_t keep = 0; keep < lines_.size(); ++keep) {
    const Lines prefix(lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(keep));
    ExpectJournalFinding(prefix, static_cast<std::int64_t>(keep) + 1, "shortened", "first " + std::to_string(keep));
  }
  story::Teller teller{Events()};
  teller.Tell("note", {{"text", "added later"}});
  Lines appended = lines_;
  appended.push_back(journal::ToLine(teller.events.back()));
  ExpectJournalFinding(appended, static_cast<std::int64_t>(lines_.size()) + 1, "appended", "appended");
  Lines garbage = lines_;
  garbage.emplace_back("garbage");
  ExpectJournalFinding(garbage, static_cast<std::int64_t>(lines_.size()) + 1, "torn", "garbage");

  std::string cut = Joined(lines_);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{2}, lines_.back().size()}) {
    Write(kJournalFile, cut.substr(0, cut.size() - bytes));
    MakeSumsFit();
    const Finding first = Verify(package_, std::nullopt).findings.at(0);
    EXPECT_EQ(first.kind, "torn");
    EXPECT_EQ(first.line, static_cast<std::int64_t>(lines_.size()));
  }
}

TEST_F(VerifyTest, AHistoryToldAnewFitsItselfAndNotTheMirror) {
  std::vector<journal::Event> events = story_.inputs.events;
  story::Teller other;
  for (const journal::Event& event : events) {
    other.Tell(event.kind, event.seq == 9 ? Json{{"text", "all went well"}} : event.body);
  }
  Forge(other.events);
  EXPECT_THAT(Kinds(), testing::IsEmpty());
  const Finding changed = Verify(package_, lines_).findings.at(0);
  EXPECT_EQ(changed.kind, "mirror");
  EXPECT_EQ(changed.line, 9);

  events.resize(12);
  Forge(events);
  EXPECT_THAT(Kinds(), testing::IsEmpty());
  const Finding shortened = Verify(package_, lines_).findings.at(0);
  EXPECT_EQ(shortened.kind, "mirror");
  EXPECT_EQ(shortened.line, 13);
}

TEST_F(VerifyTest, AMirrorThatLagsOrWentOnSinceIsNoFinding) {
  EXPECT_THAT(Kinds(Lines(lines_.begin(), lines_.begin() + 5)), testing::IsEmpty());
  EXPECT_THAT(Kinds(Lines()), testing::IsEmpty());
  story::Teller teller{Events()};
  teller.Tell("note", {{"text", "after the package"}});
  teller.events.back().at = story::At(7200);
  Lines longer = lines_;
  longer.push_back(journal::ToLine(teller.events.back()));
  EXPECT_THAT(Kinds(longer), testing::IsEmpty());
}

TEST_F(VerifyTest, AVerdictThatDoesNotFollowFromItsFactsIsNamedByItsLine) {
  story::Teller other;
  for (const journal::Event& event : story_.inputs.events) {
    Json body = event.body;
    if (event.seq == 3) body["verdict"]["decision"] = "GO";
    other.Tell(event.kind, body);
  }
  Forge(other.events);
  const Verification verification = Verify(package_, std::nullopt);
  ASSERT_EQ(verification.findings.size(), 1U) << Text(verification);
  EXPECT_EQ(verification.findings[0].kind, "verdict");
  EXPECT_EQ(verification.findings[0].line, 3);
  EXPECT_THAT(verification.findings[0].text, HasSubstr("HOLD follows"));
  EXPECT_EQ(Refusal(verification).exit(), base::Exit::kUnverified);
}

TEST_F(VerifyTest, EveryOtherFileIsGuardedByTheSumsAndByWhatItIsMadeOf) {
  struct Tamper {
    const char* file;
    const char* from;
    const char* to;
    const char* with_sums;  // the finding once SHA256SUMS was made to fit
  };
  for (const Tamper& tamper : std::vector<Tamper>{
           {kEvidenceFile, "\"phase\":\"migrate\"", "\"phase\":\"contract\"", "evidence.json derived"},
           {kEvidenceFile, "{\"built_at\"", "{ \"built_at\"", "evidence.json changed"},
           {kEvidenceFile, "\"version\":2}", "\"version\":3}", "evidence.json unreadable"},
           {kEvidenceFile, "{\"built_at\"", "[\"built_at\"", "evidence.json changed"},
           {kReportFile, "Ways back", "Way back", "report.md changed"},
           {kPlanFile, "do expand.1", "do expand.9", "plan.lock.json changed"},
           {kPlanFile, "150020", "150021", "evidence.json derived"},
           {kPlanFile, "{", "", "plan.lock.json changed"},
           {kCheckpointFile, "sb_20261122", "sb_20261123", "checkpoint.json changed"},
       }) {
    const std::string text = Read(tamper.file);
    std::string changed = text;
    ASSERT_NE(changed.find(tamper.from), std::string::npos) << tamper.from;
    changed.replace(changed.find(tamper.from), std::string(tamper.from).size(), tamper.to);
    Write(tamper.file, changed);
    EXPECT_THAT(Kinds(), testing::Contains(std::string(tamper.file) + " changed")) << tamper.from;
    MakeSumsFit();
    EXPECT_THAT(Kinds(), testing::Contains(tamper.with_sums)) << tamper.from;
    Write(tamper.file, text);
    MakeSumsFit();
    EXPECT_THAT(Kinds(), testing::IsEmpty());
  }
}

// Calls `take` with each place in a value, which it may change.
void EachLeaf(Json& value, const std::function<void(Json&)>& take) {
  if (!value.is_structured() || value.empty()) return take(value);
  for (auto& inner : value) EachLeaf(inner, take);
}

// Another value of the same type.
Json Other(const Json& value) {
  if (value.is_string()) return value.get<std::string>() + "x";
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>() + 1;
  if (value.is_null()) return "x";
  return value.is_array() ? Json::array({"x"}) : Json{{"x", "x"}};
}

// Of one file, so that no test takes longer for each file that a package gets.
class VerifyFileTest : public VerifyTest, public testing::WithParamInterface<const char*> {
 protected:
  void ExpectBroken(const std::string& text, const std::string& what) {
    Write(GetParam(), text);
    if (std::string(GetParam()) != kSumsFile) MakeSumsFit();
    EXPECT_FALSE(Verify(package_, std::nullopt).Holds()) << GetParam() << ": " << what;
    ++changed_;
  }
  void ExpectWholeAgain(const std::string& text) {
    Write(GetParam(), text);
    MakeSumsFit();
    EXPECT_THAT(Kinds(), testing::IsEmpty());
  }
  int changed_ = 0;
};

class VerifyFieldsTest : public VerifyFileTest {};
class VerifyLinesTest : public VerifyFileTest {};

TEST_P(VerifyFieldsTest, NoneCanBeAnotherOne) {
  const std::string text = Read(GetParam());
  Json json = Json::parse(text);
  EachLeaf(json, [&](Json& leaf) {
    const Json before = std::exchange(leaf, Other(leaf));
    ExpectBroken(GetParam() == std::string(kEvidenceFile) ? base::Canonical(json) + "\n" : json.dump(2) + "\n",
                 before.dump());
    leaf = before;
  });
  EXPECT_GT(changed_, 3);
  ExpectWholeAgain(text);
}

TEST_P(VerifyLinesTest, NoneCanBeAnotherOne) {
  const std::string text = Read(GetParam());
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    std::string other = text;
    other.insert(at, "x");
    ExpectBroken(other, "byte " + std::to_string(at));
  }
  EXPECT_GT(changed_, 0);
  ExpectWholeAgain(text);
}

std::string NameOf(const testing::TestParamInfo<const char*>& file) {
  std::string name = file.param;
  std::erase_if(name, [](unsigned char c) { return std::isalnum(c) == 0; });
  return name;
}

INSTANTIATE_TEST_SUITE_P(Package, VerifyFieldsTest,
                         testing::Values(kEvidenceFile, kPlanFile, kCheckpointFile, kReleaseFile), NameOf);
INSTANTIATE_TEST_SUITE_P(Package, VerifyLinesTest,
                         testing::Values(kReportFile, kChangeFile, kSumsFile, kReleaseFile, kJournalFile), NameOf);

// Who knows of the chain makes it fit, too: then it is the facts that contradict what else is told.
TEST_F(VerifyTest, AVerdictWhoseFactsContradictTheRestIsNamed) {
  const auto tell = [&](const std::function<void(gate::Facts&)>& change, const std::string& yaml) {
    story::Teller other;
    for (const journal::Event& event : story_.inputs.events) {
      Json body = event.body;
      if (event.seq == 4) {
        gate::Facts facts = story::Facts();
        change(facts);
        body = story::Verdict(facts);
        body["files"] = {{"release.yaml", "sha256:" + base::Sha256Hex(yaml)}};
      }
      other.Tell(event.kind, body);
    }
    fs::remove_all(package_);
    story::Inputs inputs = story_.inputs;
    inputs.events = other.events;
    package_ = story::Build(state_.path(), inputs);
    return Kinds();
  };
  const std::string yaml = story::Yaml(story_.release);
  const auto broken = testing::ElementsAre("journal.jsonl verdict");
  EXPECT_THAT(tell([](gate::Facts&) {}, yaml), testing::IsEmpty());
  EXPECT_THAT(tell([](gate::Facts& f) { f.owner = "me"; }, yaml), broken);
  EXPECT_THAT(tell([](gate::Facts& f) { f.owner = "me"; }, "another one"), testing::IsEmpty());
  EXPECT_THAT(tell([](gate::Facts& f) { f.rollback_window = std::chrono::hours(1); }, yaml), broken);
  EXPECT_THAT(tell([](gate::Facts& f) { f.invariants->clear(); }, yaml), broken);
  EXPECT_THAT(tell([](gate::Facts& f) { f.now = story::At(5000); }, yaml), broken);
  EXPECT_THAT(tell([](gate::Facts& f) { f.checkpoint->digest = "sha256:d"; }, yaml), broken);
  EXPECT_THAT(tell([](gate::Facts& f) { f.begun_digest = "sha256:d"; }, yaml), broken);
  EXPECT_THAT(tell([](gate::Facts& f) { f.begun_system_identifier = "1"; }, yaml), broken);
  EXPECT_THAT(tell([](gate::Facts& f) { f.footprint->steps = 9; }, yaml), broken);
  EXPECT_THAT(tell([](gate::Facts& f) { f.point_of_no_return->accepted = true; }, yaml), broken);
  const auto other_plan = [](gate::Facts& f) {
    *f.promotion = {.after = "staging", .reached = true, .plan = "sha256:q", .differences = {"a"}, .accepted = true};
  };
  EXPECT_THAT(tell(other_plan, yaml), broken);
}

TEST_F(VerifyTest, AMissingExtraOrLinkedFileIsFound) {
  for (const char* file :
       {kEvidenceFile, kReportFile, kJournalFile, kPlanFile, kSumsFile, kCheckpointFile, kReleaseFile, kChangeFile}) {
    const std::string text = Read(file);
    fs::remove(package_ / file);
    EXPECT_THAT(Kinds(), testing::Not(testing::IsEmpty())) << file;
    if (std::string(file) != kSumsFile) MakeSumsFit();
    EXPECT_THAT(Kinds(), testing::Not(testing::IsEmpty())) << file;

    base::WriteFile(state_.path() / "elsewhere", text);
    fs::create_symlink(state_.path() / "elsewhere", package_ / file);
    EXPECT_THAT(Kinds(), testing::Contains(std::string(file) + " symlink"));
    fs::remove(package_ / file);
    fs::create_directory(package_ / file);
    EXPECT_THAT(Kinds(), testing::Contains(std::string(file) + " unreadable"));
    fs::remove(package_ / file);
    Write(file, text);
    MakeSumsFit();
  }
  Write("extra.txt", "");
  EXPECT_THAT(Kinds(), testing::ElementsAre("extra.txt extra"));
  MakeSumsFit();
  EXPECT_THAT(Kinds(), testing::Contains("extra.txt extra"));
}

TEST_F(VerifyTest, SumsThatLeaveAFileOutOrSayMoreAreFound) {
  const std::string sums = Read(kSumsFile);
  Write(kSumsFile, sums.substr(sums.find('\n') + 1));
  EXPECT_THAT(Kinds(), testing::ElementsAre("SHA256SUMS changed"));
  Write(kSumsFile, sums + std::string(64, 'a') + "  other.txt\n");
  EXPECT_THAT(Kinds(), testing::ElementsAre("SHA256SUMS missing"));
  Write(kSumsFile, sums + "\n");
  EXPECT_THAT(Kinds(), testing::ElementsAre("SHA256SUMS changed"));
  Write(kSumsFile, sums.substr(0, sums.size() - 1));
  EXPECT_THAT(Kinds(), testing::ElementsAre("SHA256SUMS changed"));
}

}  // namespace
}  // namespace evidence
