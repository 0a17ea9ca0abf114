// What is said, kept in the journal and put into evidence has no value of a row, no literal of another session's
// statement, no password and nothing of the environment in it: also where things fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "base/file.h"
#include "needs_programs.h"
#include "pg/conninfo.h"
#include "served_project.h"

namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSecret = "s3cret";

class Secrets : public testing::Test {
 protected:
  void SetUp() override {
    project_.Connect().Exec(
        "CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'url-s3cret';"
        "CREATE TABLE public.users(email text PRIMARY KEY, age text, note text);"
        "INSERT INTO public.users SELECT 'row-s3cret-' || g, g || 's3cret', 'same s3cret' FROM generate_series(1, 5) g;"
        "CREATE TABLE public.audit(what text PRIMARY KEY);"
        "CREATE TABLE public.strict(id int PRIMARY KEY, v text);"
        "INSERT INTO public.strict VALUES (1, 'row-s3cret');"
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no: %', OLD "
        "USING ERRCODE = '23514', DETAIL = OLD.v; END $$;"
        "CREATE TRIGGER refuse BEFORE UPDATE ON public.strict FOR EACH ROW EXECUTE FUNCTION public.refuse();"
        "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.audit VALUES "
        "(OLD.email) ON CONFLICT DO NOTHING; RAISE WARNING 'noted %', OLD; RETURN NEW; END $$;"
        "CREATE TRIGGER noted BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.note()");
    const fs::path hba = project_.Connect().Exec("SHOW hba_file").Text(0, 0);
    base::WriteFile(hba, "local all boss scram-sha-256\nlocal replication boss scram-sha-256\n" + base::ReadFile(hba),
                    0644);
    project_.Connect().Exec("SELECT pg_reload_conf()");
    const fs::path yaml = project_.path() / "switchback.yaml";
    base::WriteFile(yaml, std::regex_replace(base::ReadFile(yaml), std::regex("\npolicy:\n"),
                                             "\npolicy:\n  lock_retries: 0\n  lock_timeout: 300ms\n"));
    env_ = {{"DATABASE_URL", std::regex_replace(project_.url(), std::regex("postgres@"), "boss:url-s3cret@")},
            {"VAULT_TOKEN", "env-s3cret"}};
  }

  // Runs it in every form, and looks at all that it said; its exit code in the last one.
  int Say(const std::vector<std::string>& words) {
    int exit = 0;
    for (const char* form : {"--verbose", "--json"}) {
      std::vector<std::string> all = words;
      all.emplace_back(form);
      const base::Finished finished = project_.Say(all, env_);
      EXPECT_THAT(finished.out + finished.err, Not(HasSubstr(kSecret))) << words.front() << " " << form;
      EXPECT_NE(finished.exit, 1) << finished.out << finished.err;
      exit = finished.exit;
      said_ += finished.out + finished.err;
    }
    return exit;
  }

  // Of a release whose run fails: all commands that look at it, and all that is kept. What is for the release alone,
  // and is said to hold values, is the spool.
  void LookAround(const std::string& name) {
    for (const char* command : {"status", "diagnose", "gate", "watch", "rollback", "status"}) {
      std::vector<std::string> words = {command, name};
      if (words[0] == "watch") words.emplace_back("--once");
      Say(words);
    }
    Say({"evidence", "build", name});
    Say({"evidence", "show", name});
    Say({"evidence", "verify", name});
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(project_.path())) {
      const std::string path = fs::relative(entry.path(), project_.path()).string();
      if (!entry.is_regular_file() || path.find("/stream/") != std::string::npos) continue;
      EXPECT_THAT(base::ReadFile(entry.path()), Not(HasSubstr(kSecret))) << path;
      ++files;
    }
    EXPECT_GT(files, 8);
  }

  test::ServedProject project_;
  std::map<std::string, std::string> env_;
  std::string said_;
};

TEST_F(Secrets, OfRowsThatDoNotFitStayInTheDatabase) {
  project_.MakeRelease("check", "ALTER TABLE public.users ADD CONSTRAINT short CHECK (length(age) < 3);");
  EXPECT_NE(Say({"run", "check"}), 0);
  LookAround("check");
  project_.MakeRelease("unique", "ALTER TABLE public.users ADD CONSTRAINT one UNIQUE (note);");
  EXPECT_NE(Say({"run", "unique"}), 0);
  LookAround("unique");
  EXPECT_THAT(said_, HasSubstr("note"));
}

TEST_F(Secrets, OfConversionsAndFunctionsStayInTheDatabase) {
  project_.MakeRelease("typed",
                       "ALTER TABLE public.users RENAME COLUMN age TO years;"
                       "ALTER TABLE public.users ALTER COLUMN years TYPE int USING years::int;");
  Say({"run", "typed"});
  LookAround("typed");
  const fs::path asked = project_.MakeRelease("asked", "ALTER TABLE public.strict ADD COLUMN w int;");
  base::WriteFile(asked / "release.yaml", base::ReadFile(asked / "release.yaml") +
                                              "invariants:\n  - {name: first, sql: \"SELECT min(email) FROM "
                                              "public.users\", expect: nobody}\n");
  EXPECT_NE(Say({"run", "asked"}), 0);
  LookAround("asked");
  project_.MakeRelease("raised", "UPDATE public.strict SET v = 'w';");
  EXPECT_NE(Say({"run", "raised"}), 0);
  LookAround("raised");
  const fs::path built = project_.MakeRelease(
      "built",
      "DO $$ BEGIN EXECUTE 'SELECT ' || quote_literal((SELECT min(email) FROM public.users)) || '::int'; END $$;");
  base::WriteFile(built / "release.yaml",
                  base::ReadFile(built / "release.yaml") + "opaque:\n  - {statement: 1, down: \"SELECT 1\"}\n");
  EXPECT_NE(Say({"run", "built"}), 0);
  LookAround("built");
}

TEST_F(Secrets, OfKeysAndOfOthersStatementsAreNotSaid) {
  project_.MakeRelease("spoil", "UPDATE public.users SET note = 'w' WHERE length(note) > 3;");
  EXPECT_EQ(Say({"run", "spoil"}), 10);
  EXPECT_THAT(said_, HasSubstr("public.audit: rows were inserted, 5 rows, the first {\"what\":\"#"));
  LookAround("spoil");
  project_.MakeRelease("blocked", "ALTER TABLE public.strict ADD COLUMN w int;");
  EXPECT_EQ(Say({"plan", "blocked"}), 0);
  EXPECT_EQ(Say({"checkpoint", "blocked"}), 0);
  pg::Connection other = project_.Connect();
  other.Exec("BEGIN");
  other.Exec(
      "UPDATE public.users SET note = 'lit-s3cret'; SELECT 'lit-s3cret', $$lit-s3cret$$, 5 /* s3cret */ FROM "
      "public.strict");
  EXPECT_NE(Say({"run", "blocked"}), 0);
  EXPECT_THAT(said_, HasSubstr("UPDATE public.users SET note = ?"));
  other.Exec("ROLLBACK");
  LookAround("blocked");
}

TEST_F(Secrets, AreShownWhereTheProjectSaysSo) {
  const fs::path yaml = project_.path() / "switchback.yaml";
  base::WriteFile(
      yaml, std::regex_replace(base::ReadFile(yaml), std::regex("\npolicy:\n"), "\npolicy:\n  row_values: shown\n"));
  project_.MakeRelease("spoil", "UPDATE public.users SET note = 'w' WHERE length(note) > 3;");
  const base::Finished finished = project_.Say({"run", "spoil"}, env_);
  EXPECT_THAT(finished.err, HasSubstr("the first {\"what\":\"row-s3cret-1\"}"));
  EXPECT_THAT(finished.err, Not(HasSubstr("url-s3cret")));
}

}  // namespace
