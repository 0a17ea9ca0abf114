#include "journal/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/power_cut.h"
#include "journal/mirror.h"

namespace journal {
namespace {

class JournalFile : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("journal-test-" + base::RandomHex(6));
    Journal journal = Journal::Open(directory_);
    for (int i = 0; i < 5; ++i) journal.Append("note", {{"text", "résumé \n " + std::to_string(i)}});
    text_ = base::ReadFile(path());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::filesystem::path path() const { return directory_ / "journal.jsonl"; }
  [[nodiscard]] std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < text_.size(); begin = text_.find('\n', begin) + 1) {
      lines.push_back(text_.substr(begin, text_.find('\n', begin) - begin));
    }
    return lines;
  }
  static std::string Joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
  }
  static void ExpectBreak(const ChainCheck& check, Break how, std::int64_t line) {
    EXPECT_EQ(check.broken, how) << check.text;
    EXPECT_EQ(check.line, line) << check.text;
  }

  std::filesystem::path directory_;
  std::string text_;
};

TEST_F(JournalFile, ReadsBackWhatWasAppended) {
  const Journal journal = Journal::Open(directory_);
  ASSERT_EQ(journal.events().size(), 5U);
  EXPECT_EQ(journal.Last("note")->body.at("text"), "résumé \n 4");
  EXPECT_EQ(journal.Last("outcome"), nullptr);
  for (const Event& event : journal.events()) EXPECT_EQ(HashOf(event), event.hash);
}

TEST_F(JournalFile, EveryTearIsReadUpToAndCutOffByTheNextAppend) {
  const std::size_t last = text_.rfind('\n', text_.size() - 2) + 1;
  for (std::size_t size = last + 1; size < text_.size(); size += 7) {
    base::WriteFile(path(), text_.substr(0, size));
    Journal journal = Journal::Open(directory_);
    EXPECT_TRUE(journal.torn_tail());
    EXPECT_EQ(journal.events().size(), 4U);
    journal.Append("note", {{"text", "after"}});
    EXPECT_EQ(Journal::Open(directory_).events().size(), 5U);
  }
}

TEST_F(JournalFile, NamesTheFirstLineAtWhichTheChainBreaksAndHow) {
  auto changed = Lines();
  changed[1].replace(changed[1].find("résumé"), 4, "xxxx");
  ExpectBreak(CheckChain(Joined(changed)), Break::kChanged, 2);

  auto rehashed = Lines();
  Event event = FromLine(rehashed[1]);
  event.body = {{"text", "another story"}};
  event.hash = HashOf(event);
  rehashed[1] = ToLine(event);
  ExpectBreak(CheckChain(Joined(rehashed)), Break::kChanged, 3);

  auto removed = Lines();
  removed.erase(removed.begin() + 2);
  ExpectBreak(CheckChain(Joined(removed)), Break::kRemoved, 3);

  auto swapped = Lines();
  std::swap(swapped[1], swapped[3]);
  ExpectBreak(CheckChain(Joined(swapped)), Break::kReordered, 2);

  auto spaced = Lines();
  spaced[0].insert(1, " ");
  ExpectBreak(CheckChain(Joined(spaced)), Break::kChanged, 1);

  auto garbage = Lines();
  garbage[2] = "garbage";
  ExpectBreak(CheckChain(Joined(garbage)), Break::kTorn, 3);

  auto shortened = Lines();
  shortened.pop_back();
  EXPECT_EQ(CheckChain(Joined(shortened)).broken, Break::kNone);
  ExpectBreak(CheckChain(Joined(shortened), 5), Break::kShortened, 5);
  EXPECT_EQ(CheckChain(text_, 4, FromLine(Lines()[3]).hash).broken, Break::kNone);
  ExpectBreak(CheckChain(text_, 4, FromLine(Lines()[4]).hash), Break::kChanged, 4);

  base::WriteFile(path(), Joined(garbage));
  try {
    Journal::Open(directory_);
    ADD_FAILURE() << "a journal that is torn in its middle was opened";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.exit(), base::Exit::kUnverified);
    EXPECT_EQ(error.ToJson()["at"], (base::Json{{"file", path().string()}, {"line", 3}, {"column", 1}}));
  }
}

TEST_F(JournalFile, TakesInOthersNotesAndStopsAtAnotherRunnersLines) {
  Journal first = Journal::Open(directory_);
  Journal second = Journal::Open(directory_);
  first.Append("note", {{"text", "first"}});
  second.Append("note", {{"text", "second"}});
  EXPECT_EQ(second.events().size(), 7U);
  first.Append("lease", {{"token", 2}});
  EXPECT_THROW(second.Append("outcome", {{"step", "expand.1"}}), base::Error);
  EXPECT_EQ(Journal::Open(directory_).events().size(), 8U);
}

// All that a power cut may leave is read: each line that Append returned for, and at most one torn one behind them.
TEST_F(JournalFile, APowerCutLeavesEachLineThatAppendReturnedFor) {
  const std::filesystem::path mine = directory_ / "mine";
  base::PowerCut cut;
  std::vector<std::size_t> returned = {0};  // moments, by the number of lines
  {
    Journal journal = Journal::Open(mine);
    for (int i = 0; i < 4; ++i) {
      if (i == 3) {  // behind a torn line
        std::ofstream(journal.path(), std::ios::app) << "{\"at\":";
        journal = Journal::Open(mine);
      }
      journal.Append("note", {{"text", "line " + std::to_string(i)}});
      returned.push_back(cut.Moments());
    }
  }
  std::size_t lines = 0;
  std::set<std::size_t> seen;
  for (std::size_t moment = 0; moment <= cut.Moments(); ++moment) {
    if (lines + 1 < returned.size() && moment >= returned[lines + 1]) ++lines;
    cut.AtCut(moment, mine / "journal.jsonl", [&](const base::PowerCut::Content& content) {
      const ChainCheck check = CheckChain(content.value_or(""));
      EXPECT_EQ(check.broken, Break::kNone) << moment << ": " << check.text;
      EXPECT_GE(check.events.size(), lines) << moment;
      EXPECT_LE(check.events.size(), lines + 1) << moment;
      seen.insert(check.events.size());
    });
  }
  EXPECT_EQ(seen.size(), returned.size());
}

TEST_F(JournalFile, IsItsMirrorWhereTheFileIsGoneOrBehind) {
  const auto lines = Lines();
  for (const std::size_t have : {0U, 2U}) {
    std::filesystem::remove(path());
    if (have > 0) base::WriteFile(path(), Joined({lines.begin(), lines.begin() + 2}));
    const auto before = base::ReadFileIfExists(path());
    Journal journal = Journal::Open(directory_);
    journal.Follow(lines);
    EXPECT_EQ(journal.events().size(), lines.size());
    EXPECT_EQ(base::ReadFileIfExists(path()), before) << "a look writes nothing";
    journal.Append("note", {{"text", "mine"}});
    EXPECT_EQ(base::ReadFile(path()), text_ + ToLine(journal.events().back()) + "\n");
    EXPECT_EQ(CheckChain(base::ReadFile(path())).broken, Break::kNone);
  }
  Journal journal = Journal::Open(directory_);
  EXPECT_THROW(journal.Follow({"no line"}), base::Error);
  EXPECT_THROW(journal.Follow({lines.begin() + 1, lines.end()}), base::Error);
}

TEST_F(JournalFile, LinesThatTheDatabaseWentOnWithoutAreKeptAndCountForNothing) {
  Journal journal = Journal::Open(directory_);
  Journal other = Journal::Open(directory_);
  journal.Append("intent", {{"step", "expand.9"}, {"direction", "forward"}});
  journal.Append("note", {{"text", "mine"}});
  const std::vector<Event> mine(journal.events().end() - 2, journal.events().end());
  const auto elsewhere = directory_ / "elsewhere";
  base::MakeDirectories(elsewhere);
  base::WriteFile(elsewhere / "journal.jsonl", text_);
  Journal moved = Journal::Open(elsewhere);
  moved.Append("lease", {{"token", 2}});
  std::vector<std::string> mirror;
  for (const Event& event : moved.events()) mirror.push_back(ToLine(event));

  Journal again = Journal::Open(directory_);
  again.Follow(mirror);
  ASSERT_EQ(again.events().size(), mirror.size() + 2);
  EXPECT_EQ(again.events()[6].kind, "parted");
  EXPECT_EQ(again.events()[6].body, (base::Json{{"at", 6}, {"texts", {ToLine(mine[0])}}}));
  EXPECT_EQ(again.events()[7].kind, "note");
  EXPECT_EQ(again.events()[7].at, mine[1].at);
  EXPECT_EQ(again.Written(), 6);
  again.Append("note", {{"text", "after"}});
  const Journal read = Journal::Open(directory_);
  ASSERT_EQ(read.events().size(), 9U);
  EXPECT_EQ(read.events()[8].hash, again.events()[8].hash);
  // Who had the file open before it was written anew does not write behind it.
  EXPECT_THROW(other.Append("note", {{"text", "late"}}), base::Error);
}

TEST_F(JournalFile, AnotherDatabasesMirrorIsNotFollowed) {
  const auto opened = [](const std::filesystem::path& directory, const char* database) {
    Journal journal = Journal::Open(directory);
    journal.Append("opened", {{"system_identifier", "7"}, {"database", database}});
    return ToLine(journal.events()[0]);
  };
  const std::string here = opened(directory_ / "here", "app");
  const std::string there = opened(directory_ / "there", "postgres");
  Journal journal = Journal::Open(directory_ / "here");
  try {
    journal.Follow({there});
    ADD_FAILURE() << "followed";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kJournalForked);
  }
  journal.Follow({here});
}

// Checkouts of one release that write lines, crash before these reach the mirror, and come back: the mirror is always
// one chain, no checkout is ever stuck, and what was said of nothing in particular is there once.
TEST_F(JournalFile, CheckoutsOfOneReleaseNeverFork) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const auto draw = [&](int n) { return std::uniform_int_distribution<>(0, n - 1)(random); };
    std::vector<std::string> mirror;
    std::multiset<std::string> said;
    const auto root = directory_ / std::to_string(seed);
    const auto visit = [&](int checkout, bool reaches) {
      Journal journal = Journal::Open(root / std::to_string(checkout));
      journal.Follow(mirror);
      for (int lines = draw(4); lines > 0; --lines) {
        const bool note = draw(2) == 0;
        const std::string text = std::to_string(seed) + " " + std::to_string(said.size());
        journal.Append(note ? "note" : "outcome", {{"text", text}});
        if (note) said.insert(text);
      }
      if (!reaches) return;
      journal.Settle();
      for (std::size_t i = mirror.size(); i < journal.events().size(); ++i)
        mirror.push_back(ToLine(journal.events()[i]));
      EXPECT_EQ(base::ReadFileIfExists(journal.path()).value_or(""), Joined(mirror));
    };
    for (int visits = 0; visits < 12; ++visits) visit(draw(3), draw(3) > 0);
    for (int checkout = 0; checkout < 3; ++checkout) visit(checkout, true);
    std::multiset<std::string> found;
    const ChainCheck check = CheckChain(Joined(mirror));
    EXPECT_EQ(check.broken, Break::kNone) << seed << ": " << check.text;
    for (const Event& event : check.events) {
      if (event.kind == "note") found.insert(event.body.at("text"));
    }
    EXPECT_EQ(found, said) << seed;
  }
}

TEST_F(JournalFile, WhatALookFoundCountsAtOnceAndIsWrittenWithTheNextLine) {
  Journal journal = Journal::Open(directory_);
  journal.Find("rewound", {{"lines", 3}});
  EXPECT_EQ(journal.Last("note")->seq, 3);
  EXPECT_EQ(journal.Written(), 5);
  EXPECT_EQ(base::ReadFile(path()), text_);
  Journal::Open(directory_).Append("note", {{"text", "of another process"}});
  EXPECT_EQ(journal.Append("note", {{"text", "after"}}).seq, 8);
  const Journal again = Journal::Open(directory_);
  ASSERT_EQ(again.events().size(), 8U);
  EXPECT_EQ(again.events()[6].kind, "rewound");
  EXPECT_EQ(again.events()[7].hash, journal.events()[7].hash);
}

TEST_F(JournalFile, AMirrorThatWentOnIsAnothersWork) {
  const Journal journal = Journal::Open(directory_);
  auto lines = Lines();
  CheckMirrorIsPrefix(journal, lines);
  lines.pop_back();
  CheckMirrorIsPrefix(journal, lines);
  CheckMirrorIsPrefix(journal, {});
  auto longer = Lines();
  longer.push_back("more");
  EXPECT_THROW(CheckMirrorIsPrefix(journal, longer), base::Error);
}

// Also where the digests fit.
TEST_F(JournalFile, ALineWhoseMembersAreOfAnotherTypeIsNone) {
  const auto read = [](base::Json body) {
    Event event;
    event.seq = 1;
    event.at = base::ParseTime("2026-11-22T12:00:00.000000Z");
    event.kind = "intent";
    event.body = std::move(body);
    event.prev = kNoHash;
    event.hash = HashOf(event);
    return CheckChain(ToLine(event) + "\n").events.size();
  };
  EXPECT_EQ(read({{"step", "expand.1"}, {"direction", "forward"}, {"intent", 1}}), 1U);
  for (const base::Json& body :
       {base::Json("text"), base::Json::array(), base::Json{{"step", 1}}, base::Json{{"direction", nullptr}},
        base::Json{{"intent", "1"}}, base::Json{{"rolled_back", "yes"}}, base::Json{{"steps", 1}},
        base::Json{{"facts", base::Json::array()}}, base::Json{{"digest", false}}}) {
    EXPECT_EQ(read(body), 0U) << body;
  }
}

}  // namespace
}  // namespace journal
