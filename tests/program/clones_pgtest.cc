// Checkouts of one project that share nothing but the database: what one begins, another goes on with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "needs_programs.h"
#include "program.h"
#include "served_project.h"

namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class ClonesTest : public testing::Test {
 protected:
  void SetUp() override {
    Sql("CREATE TABLE public.t(id int PRIMARY KEY, a text); INSERT INTO public.t VALUES (1, 'one'), (2, 'two')");
    project_.MakeRelease("names", "ALTER TABLE t RENAME COLUMN a TO name;\n");
    project_.MakeRelease("spoil", "UPDATE t SET a = 'spoilt' WHERE id = 1;\n");
  }

  void Sql(const std::string& sql) { project_.Connect().Exec(sql); }
  std::string Ask(const std::string& sql) { return project_.Connect().Exec(sql).Text(0, 0); }

  // As Git would make it: without state, and without what nobody has committed.
  fs::path Clone(const std::string& name) {
    const fs::path clone = clones_.path() / name;
    fs::copy(project_.path(), clone, fs::copy_options::recursive);
    fs::remove_all(clone / ".switchback");
    for (const char* release : {"names", "spoil"}) fs::remove(clone / "releases" / release / "plan.lock.json");
    return clone;
  }
  base::Json On(const fs::path& clone, const std::vector<std::string>& words, int exit = 0,
                const std::string& failpoints = "") {
    std::map<std::string, std::string> env = {{"DATABASE_URL", project_.url()}};
    if (!failpoints.empty()) {
      env["SWITCHBACK_FAILPOINT"] = failpoints;
      EXPECT_EQ(test::Switchback(clone, words, env).exit, exit);
      return {};
    }
    const base::Json said = test::Envelope(clone, words, env);
    EXPECT_EQ(said["exit"], exit) << clone << " " << words.front() << "\n" << said.dump(2);
    return said;
  }
  static fs::path JournalOf(const fs::path& clone) { return clone / ".switchback/default/names/journal.jsonl"; }

  test::ServedProject project_;
  test::Directory clones_;
};

TEST_F(ClonesTest, OneGoesOnWhereAnotherStoppedAndBackAgain) {
  const fs::path one = Clone("one");
  const fs::path two = Clone("two");
  On(one, {"run", "names"});
  for (const char* reads : {"status", "diagnose"}) {
    const base::Json said = On(two, {reads, "names"});
    EXPECT_THAT(said.dump(), Not(HasSubstr("no plan")));
  }
  EXPECT_FALSE(fs::exists(two / ".switchback")) << "who looks writes nothing";
  EXPECT_EQ(On(two, {"status", "names"})["next"], On(one, {"status", "names"})["next"]);

  On(two, {"contract", "names"});
  EXPECT_EQ(base::ReadFile(JournalOf(two)).find(base::ReadFile(JournalOf(one))), 0U) << "it is the same story";
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attname = 'a'"), "0");
  On(one, {"rollback", "names"});
  EXPECT_EQ(Ask("SELECT string_agg(a, ' ' ORDER BY id) FROM public.t"), "one two");
  EXPECT_EQ(base::ReadFile(JournalOf(one)).find(base::ReadFile(JournalOf(two))), 0U);
  On(two, {"evidence", "build", "names"});
  On(two, {"evidence", "verify", "names"});
  EXPECT_THAT(base::ReadFile(JournalOf(two)), Not(HasSubstr("\"kind\":\"parted\"")));
  EXPECT_THAT(base::ReadFile(JournalOf(two)), Not(HasSubstr("does not verify")));
  On(two, {"close", "names"});
  EXPECT_EQ(On(one, {"status", "names"})["result"]["closed"]["ended"], "taken back");
}

// One is killed with lines that never reached the database; another takes over meanwhile.
TEST_F(ClonesTest, OneThatWasKilledComesBackToAReleaseThatWentOn) {
  const fs::path one = Clone("one");
  const fs::path two = Clone("two");
  constexpr int kKilled = 137;
  On(one, {"run", "names"}, kKilled, "run.after_commit@2=kill");
  const std::string before = base::ReadFile(JournalOf(one));
  On(one, {"note", "names", "I was killed"});
  On(two, {"run", "names"});
  On(one, {"status", "names"});
  EXPECT_EQ(base::ReadFile(JournalOf(one)).find(before), 0U);
  On(one, {"contract", "names"});
  const std::string journal = base::ReadFile(JournalOf(one));
  EXPECT_THAT(journal, HasSubstr("I was killed"));
  On(two, {"rollback", "names"});
  EXPECT_EQ(base::ReadFile(JournalOf(two)).find(journal), 0U);
  On(one, {"evidence", "build", "names"});
  On(one, {"evidence", "verify", "names"});
  EXPECT_EQ(Ask("SELECT string_agg(a, ' ' ORDER BY id) FROM public.t"), "one two");
}

TEST_F(ClonesTest, AThirdRestoresAfterTheFirstTwoAreGone) {
  const fs::path one = Clone("one");
  const fs::path two = Clone("two");
  On(one, {"run", "spoil", "--until", "migrate"});
  On(two, {"status", "spoil"});
  fs::remove_all(one);
  fs::remove_all(two);
  const fs::path three = Clone("three");
  const base::Json said = On(three, {"restore", "spoil"})["result"];
  EXPECT_EQ(pg::Connection::Open({.conninfo = said["url"]})
                .Exec("SELECT string_agg(a, ' ' ORDER BY id) FROM public.t")
                .Text(0, 0),
            "one two");
  On(three, {"rollback", "spoil"});
  EXPECT_EQ(Ask("SELECT string_agg(a, ' ' ORDER BY id) FROM public.t"), "one two");
}

}  // namespace
