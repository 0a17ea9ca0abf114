// A restore goes back over other releases too: what they did since is gone on the new server, and they know it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "base/file.h"
#include "base/process.h"
#include "needs_programs.h"
#include "served_project.h"

namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Release "spoil" does damage, and is restored; release "tag" is another one, of the same database.
class RewoundTest : public testing::Test {
 protected:
  void SetUp() override {
    Sql("CREATE TABLE public.orders(id int PRIMARY KEY, total int);"
        "INSERT INTO public.orders SELECT g, g FROM generate_series(1, 4) g;"
        "CREATE TABLE public.notes(id int PRIMARY KEY, note text);"
        "INSERT INTO public.notes SELECT g, 'old' FROM generate_series(1, 6) g;"
        "CREATE TABLE public.labels(id int PRIMARY KEY)");
    project_.MakeRelease("spoil", "UPDATE public.orders SET total = total * 1000 WHERE id <= 3;\n");
    project_.MakeRelease("tag",
                         "ALTER TABLE public.labels ADD COLUMN tag text;\n"
                         "UPDATE public.notes SET note = 'of the release' WHERE id > 2;\n");
  }

  void Sql(const std::string& sql) { project_.Connect().Exec(sql); }
  base::Json On(const std::vector<std::string>& words, int exit) { return On(project_.url(), words, exit); }
  base::Json OnNew(const std::vector<std::string>& words, int exit) { return On(new_url_, words, exit); }
  base::Json On(const std::string& url, const std::vector<std::string>& words, int exit) {
    const base::Json said = project_.On(words, {{"DATABASE_URL", url}});
    EXPECT_EQ(said["exit"], exit) << words.front() << "\n" << said.dump(2);
    return said;
  }
  std::string AskNew(const std::string& sql) {
    const pg::Result found = pg::Connection::Open({.conninfo = new_url_}).Exec(sql);
    return found.IsNull(0, 0) ? "NULL" : found.Text(0, 0);
  }
  static std::string Rows(const std::string& url) {
    return pg::Connection::Open({.conninfo = url})
        .Exec(
            "SELECT (SELECT string_agg(concat_ws(' ', id, total), ', ' ORDER BY id) FROM public.orders) || '; ' || "
            "(SELECT string_agg(concat_ws(' ', id, note), ', ' ORDER BY id) FROM public.notes)")
        .Text(0, 0);
  }
  base::Json CutOver() {
    base::Json said = On({"restore", "spoil", "--salvage", "--cut-over"}, 0)["result"];
    new_url_ = said["url"];
    stop_ = said["stop"];
    return said;
  }
  // As a person would who takes the new server into use.
  void ArchiveFromNew() {
    OnNew({"init", "--apply", "--repository", project_.repository().string()}, 0);
    const std::string restart = std::regex_replace(stop_, std::regex("(^|[^a-z])stop "), "$1restart ");
    ASSERT_EQ(base::Run({.argv = {"sh", "-c", restart + " -w -l /dev/null"}, .cwd = "/"}).exit, 0) << restart;
  }
  std::string StatusOfNew() { return project_.Say({"status", "tag"}, {{"DATABASE_URL", new_url_}}).out; }
  // Lines of the kind in the journal.
  std::size_t Lines(const std::string& release, const std::string& kind) {
    const std::string text = base::ReadFile(project_.State(release) / "journal.jsonl");
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = text.find("\"kind\":\"" + kind + "\"", at)) != std::string::npos; ++at) ++lines;
    return lines;
  }

  test::ServedProject project_;
  std::string new_url_;
  std::string stop_;
};

constexpr const char* kCarriedOver = "1 1, 2 2, 3 3, 4 44, 5 5; 1 first, 2 old, 3 old, 4 old, 5 old, 6 old, 7 new";

TEST_F(RewoundTest, ARestoreGoesBackOverAReleaseThatBeganSince) {
  On({"run", "spoil"}, 0);
  Sql("UPDATE public.orders SET total = 44 WHERE id = 4");
  On({"run", "tag"}, 0);
  Sql("INSERT INTO public.orders VALUES (5, 5); INSERT INTO public.notes VALUES (7, 'new')");
  Sql("UPDATE public.notes SET note = 'first' WHERE id = 1; UPDATE public.notes SET id = id WHERE id = 4");
  EXPECT_THAT(project_.Say({"restore", "spoil", "--dry-run"}).out, HasSubstr("goes back too: release tag"));
  const base::Json said = CutOver();
  for (const base::Json& releases : {said["left_behind"]["releases"], said["salvage"]["wrote"]["releases"]}) {
    ASSERT_EQ(releases.size(), 1U) << said.dump(2);
    EXPECT_EQ(releases[0]["release"], "tag");
    EXPECT_GE(releases[0]["transactions"], 2);
    ASSERT_EQ(releases[0]["tables"].size(), 1U) << releases.dump(2);
    EXPECT_EQ(releases[0]["tables"][0]["updated"], 4);
  }
  EXPECT_EQ(Rows(new_url_), kCarriedOver);
  EXPECT_EQ(AskNew("SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.labels'::regclass AND attname = 'tag'"),
            "0");

  // A look writes nothing, so that the old server stays what it was.
  const base::Json status = OnNew({"status", "tag"}, 0);
  EXPECT_EQ(status["result"]["position"]["state"], "rewound");
  EXPECT_EQ(status["result"]["position"]["steps_done"], 0);
  EXPECT_TRUE(status["result"]["checkpoint"].is_null());
  EXPECT_THAT(status["next"].get<std::string>(),
              AllOf(HasSubstr("switchback checkpoint tag"), HasSubstr("switchback close tag")));
  EXPECT_EQ(Lines("tag", "rewound"), 0U);
  EXPECT_EQ(On({"status", "tag"}, 0)["result"]["position"]["state"], "clean");
  EXPECT_THAT(OnNew({"diagnose", "tag"}, 0)["result"].dump(), HasSubstr("switchback checkpoint tag"));

  // Neither release has a checkpoint there.
  for (const char* release : {"tag", "spoil"}) {
    EXPECT_THAT(OnNew({"gate", release}, 12)["result"]["checks"].dump(),
                HasSubstr("The journal knows of no checkpoint"));
  }
  EXPECT_THAT(StatusOfNew(), HasSubstr("archives nothing: `switchback init --apply`, restart it, then `switchback "
                                       "checkpoint tag --prove`"));
  EXPECT_FALSE(std::filesystem::exists(project_.repository() / "lines"));
  ArchiveFromNew();
  EXPECT_THAT(StatusOfNew(), AllOf(HasSubstr("no backup of it is proven yet"), Not(HasSubstr("archives nothing"))));
  OnNew({"checkpoint", "tag", "--prove"}, 0);
  EXPECT_THAT(StatusOfNew(), Not(HasSubstr("this server was restored,")));
  EXPECT_TRUE(On({"status", "tag"}, 0)["result"]["restored_line"].is_null());
  EXPECT_TRUE(std::filesystem::exists(project_.repository() / "lines")) << "a repository of its own";
  OnNew({"run", "tag"}, 0);
  EXPECT_EQ(Lines("tag", "rewound"), 1U);
  EXPECT_EQ(AskNew("SELECT count(*) FROM public.notes WHERE note = 'of the release'"), "5");
  EXPECT_EQ(OnNew({"status", "tag"}, 0)["result"]["position"]["state"], "clean");
  OnNew({"rollback", "tag"}, 0);
  EXPECT_EQ(Rows(new_url_), kCarriedOver);
  OnNew({"run", "tag"}, 0);
  OnNew({"evidence", "build", "tag"}, 0);

  OnNew({"close", "spoil"}, 0);
  EXPECT_THAT(OnNew({"status", "spoil"}, 0)["result"]["closed"].dump(), HasSubstr("never begun"));
  // And on the old server the release is not taken for one that stands there.
  EXPECT_EQ(On({"run", "tag"}, 12)["error"]["code"], "SB3107");
}

TEST_F(RewoundTest, OnTheServerThatWasLeftItStandsAsBefore) {
  On({"run", "spoil"}, 0);
  On({"run", "tag"}, 0);
  CutOver();
  OnNew({"gate", "tag"}, 12);
  EXPECT_EQ(Lines("tag", "rewound"), 1U);
  On({"restore", "spoil", "--lift-fence"}, 0);
  const base::Json status = On({"status", "tag"}, 0);
  EXPECT_GT(status["result"]["position"]["steps_done"], 0) << status.dump(2);
  On({"rollback", "tag"}, 0);
  EXPECT_EQ(Lines("tag", "rewound"), 2U);
  EXPECT_THAT(Rows(project_.url()), Not(HasSubstr("of the release")));
}

TEST_F(RewoundTest, AReleaseThatBeganBeforeGoesOnWhereItStoodThen) {
  On({"run", "tag", "--until", "expand"}, 0);
  On({"run", "spoil"}, 0);
  On({"run", "tag"}, 0);
  CutOver();
  base::Json status = OnNew({"status", "tag"}, 0);
  EXPECT_EQ(status["result"]["position"]["state"], "rewound") << status.dump(2);
  EXPECT_EQ(status["result"]["position"]["boundary"], "expand");
  EXPECT_EQ(Rows(new_url_), "1 1, 2 2, 3 3, 4 4; 1 old, 2 old, 3 old, 4 old, 5 old, 6 old");
  OnNew({"run", "tag"}, 0);
  EXPECT_EQ(AskNew("SELECT count(*) FROM public.notes WHERE note = 'of the release'"), "4");
  OnNew({"rollback", "tag"}, 0);
  EXPECT_EQ(OnNew({"status", "tag"}, 0)["result"]["position"]["steps_done"], 0);
}

// What applications wrote under the new name alone reaches both columns of a release that stands on the restored server
// as it stood then.
TEST_F(RewoundTest, AReleaseThatStoodThenHasItsColumnsInStep) {
  for (const char* way : {"run", "rollback"}) {
    const std::string table = std::string("accounts_") + way;
    const std::string name = std::string("names-") + way;
    const std::string damage = std::string("damage-") + way;
    Sql("CREATE TABLE public." + table + "(id int PRIMARY KEY, bal int NOT NULL DEFAULT 0); INSERT INTO public." +
        table + " SELECT g, 100 * g FROM generate_series(1, 5) g");
    project_.MakeRelease(name, "ALTER TABLE " + table + " RENAME bal TO balance;\nALTER TABLE " + table +
                                   " ALTER balance TYPE bigint;\n");
    Sql("CREATE TABLE public.damaged_" + std::string(way) + "(id int PRIMARY KEY, v int)");
    project_.MakeRelease(damage, "UPDATE public.damaged_" + std::string(way) + " SET v = v * 2;\n");
    On({"run", name}, 0);
    On({"run", damage}, 0);
    On({"contract", name}, 0);
    Sql("INSERT INTO " + table + "(id, balance) VALUES (100, 5); UPDATE " + table +
        " SET balance = balance + 7 WHERE id = 3; DELETE FROM " + table + " WHERE id = 4");
    const base::Json said = On({"restore", damage, "--salvage"}, 0)["result"];
    new_url_ = said["url"];
    const auto rows = [&](const std::string& columns) {
      return AskNew("SELECT string_agg(concat_ws(' ', id, " + columns + "), ', ' ORDER BY id) FROM public." + table);
    };
    EXPECT_EQ(rows("bal, balance"), "1 100 100, 2 200 200, 3 307 307, 5 500 500, 100 5 5");
    EXPECT_EQ(AskNew("SELECT count(*) FROM pg_trigger WHERE tgenabled = 'A'"), "0") << "as it was";
    OnNew({way, name}, 0);
    EXPECT_EQ(rows(way == std::string("run") ? "balance" : "bal"), "1 100, 2 200, 3 307, 5 500, 100 5");
  }
}

}  // namespace
