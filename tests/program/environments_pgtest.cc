#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <regex>

#include "base/file.h"
#include "needs_programs.h"
#include "pg/connection.h"
#include "pg/conninfo.h"
#include "program.h"
#include "served_project.h"

// A project with two environments, each with a database of its own.
namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kTable =
    "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'a'), (2, 'b')";
constexpr const char* kChange = "ALTER TABLE users RENAME COLUMN name TO display_name;\n";

class EnvironmentsTest : public testing::Test {
 protected:
  void SetUp() override {
    project_.Connect().Exec("CREATE DATABASE production");
    for (const char* database : {"staging", "production"}) project_.ConnectTo(database).Exec(kTable);
    Configure("");
    project_.MakeRelease("20261122-names", kChange);
    EXPECT_EQ(On({"init", "--env", "production"})["exit"], 0);
  }

  // `more`: keys of production.
  void Configure(const std::string& more) {
    base::WriteFile(project_.path() / "switchback.yaml",
                    fmt::format("version: 1\nbackup: {{repository: {}}}\nenvironments:\n"
                                "  staging: {{database_env: STAGING_URL}}\n"
                                "  production: {{database_env: PRODUCTION_URL{}}}\n",
                                project_.repository().string(), more));
  }

  std::map<std::string, std::string> Urls() {
    return {{"DATABASE_URL", ""},
            {"STAGING_URL", project_.server().Url("staging")},
            {"PRODUCTION_URL", project_.server().Url("production")}};
  }
  base::Finished Say(const std::vector<std::string>& words) { return project_.Say(words, Urls()); }
  base::Json On(const std::vector<std::string>& words) { return project_.On(words, Urls()); }
  base::Finished Done(const std::vector<std::string>& words) {
    base::Finished finished = Say(words);
    EXPECT_EQ(finished.exit, 0) << testing::PrintToString(words) << "\n" << finished.out << finished.err;
    return finished;
  }

  test::ServedProject project_{"staging"};
};

// Names of commands that work in an environment.
std::string CommandPattern(const fs::path& directory) {
  std::string pattern;
  const std::string help = test::Switchback(directory, {"--help"}).out;
  const std::regex line("\n  ([a-z]+( [a-z]+)?)  ");
  for (std::sregex_iterator at(help.begin(), help.end(), line), end; at != end; ++at) {
    const std::string name = (*at)[1];
    if (name != "explain" && name != "drill") pattern = name + (pattern.empty() ? "" : "|" + pattern);
  }
  return pattern;
}

// The commands in a text that go to another environment than `env`, with some of what stands around them.
std::vector<std::string> Astray(const std::string& text, const std::string& commands, const std::string& env) {
  std::vector<std::string> astray;
  const std::regex command("switchback (" + commands + ")(?![a-z-])(?! --env " + env + "\\b)[^\n`]{0,60}");
  for (std::sregex_iterator at(text.begin(), text.end(), command), end; at != end; ++at) astray.push_back(at->str());
  return astray;
}

// All that a command and its refusals print.
TEST_F(EnvironmentsTest, EveryCommandThatIsPrintedGoesToTheSameEnvironment) {
  const std::string commands = CommandPattern(project_.path());
  ASSERT_THAT(commands, HasSubstr("evidence build"));
  const std::vector<std::vector<std::string>> story = {
      {"init"},
      {"status"},
      {"status", "20261122-names"},
      {"gate", "20261122-names"},
      {"evidence", "build", "20261122-names"},
      {"plan", "20261122-nmaes"},
      {"plan", "20261122-names"},
      {"status", "20261122-names"},
      {"expand", "20261122-names"},
      {"migrate", "20261122-names"},
      {"checkpoint", "20261122-names"},
      {"run", "20261122-names"},
      {"checkpoint", "20261122-names"},
      {"plan", "20261122-names"},
      {"status", "20261122-names"},
      {"gate", "20261122-names", "--for", "contract"},
      {"diagnose", "20261122-names"},
      {"watch", "20261122-names", "--once"},
      {"pause", "20261122-names"},
      {"status", "20261122-names"},
      {"resume", "20261122-names"},
      {"close", "20261122-names"},
      {"close", "20261122-names", "--dry-run"},
      {"uninstall", "--dry-run"},
      {"restore", "20261122-names", "--dry-run"},
      {"restore", "20261122-names", "--go-on"},
      {"contract", "20261122-names"},
      {"status", "20261122-names"},
      {"rollback", "20261122-names"},
      {"status", "20261122-names"},
      {"diagnose", "20261122-names"},
      {"close", "20261122-names"},
      {"status"},
      {"evidence", "build", "20261122-names"},
      {"evidence", "verify", "20261122-names"},
      {"run", "20261122-names"},
  };
  for (std::vector<std::string> words : story) {
    SCOPED_TRACE(testing::PrintToString(words));
    words.insert(words.end(), {"--env", "production"});
    const base::Finished finished = Say(words);
    EXPECT_THAT(Astray(finished.out, commands, "production"), IsEmpty());
    EXPECT_THAT(Astray(finished.err, commands, "production"), IsEmpty());
    // What follows changes nothing more.
    words.emplace_back("--json");
    EXPECT_THAT(Astray(Say(words).out, commands, "production"), IsEmpty());
  }
  EXPECT_THAT(Astray("run `switchback run a` or `switchback plan --env staging a`", commands, "production"),
              testing::SizeIs(2));
}

TEST_F(EnvironmentsTest, EveryHeadingSaysWhereItWorks) {
  const std::string where = fmt::format("environment production, database production, host {}",
                                        pg::ParseConninfo(project_.server().Url("a"))["host"]);
  const std::string heading = "release 20261122-names, " + where;
  EXPECT_THAT(Done({"status", "--env", "production"}).out, testing::StartsWith(where));
  EXPECT_THAT(Done({"status", "20261122-names", "--env", "production"}).out, testing::StartsWith(heading));
  const base::Finished planned = Done({"plan", "20261122-names", "--env", "production"});
  EXPECT_THAT(planned.err, testing::StartsWith("switchback: " + heading));
  EXPECT_THAT(planned.out, Not(HasSubstr(where)));
  EXPECT_THAT(Done({"plan", "20261122-names", "--env", "production", "--quiet"}).out, testing::StartsWith(heading));

  const base::Finished refused = Say({"contract", "20261122-names", "--env", "production"});
  EXPECT_THAT(refused.err, testing::StartsWith("switchback: " + heading));
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(Say({"contract", "20261122-names", "--env", "production", "--quiet"}).err, testing::StartsWith(heading));

  const base::Json status = On({"status", "20261122-names", "--env", "staging"});
  EXPECT_EQ(status["database"], "staging");
  EXPECT_THAT(status["host"].get<std::string>(), HasSubstr(":"));
}

// What is the same for everybody is not said; what somebody asked for is kept, in every form of asking.
TEST_F(EnvironmentsTest, TheNextCommandIsAskedForAsThisOneWas) {
  Done({"plan", "20261122-names", "--env", "staging"});
  std::map<std::string, std::string> env = Urls();
  env["SWITCHBACK_ENV"] = "production";
  EXPECT_EQ(project_.On({"status", "20261122-names"}, env)["next"],
            "switchback checkpoint --env production 20261122-names");
  EXPECT_EQ(project_.On({"status", "releases/20261122-names"}, env)["next"],
            "switchback checkpoint --env production releases/20261122-names");
  const std::string url = project_.server().Url("production");
  EXPECT_THAT(On({"status", "20261122-names", "--env", "staging", "--database", url})["next"].get<std::string>(),
              HasSubstr("switchback checkpoint --env staging --database "));
  base::WriteFile(project_.path() / "switchback.yaml", "version: 1\n");
  EXPECT_EQ(project_.On({"status", "20261122-names"})["next"], "switchback checkpoint 20261122-names");
}

// Runs the program on a terminal of its own, types when it is asked, and gives back all that it shows.
base::Finished OnTerminal(const fs::path& cwd, const std::vector<std::string>& words,
                          const std::map<std::string, std::string>& env, const std::string& typed) {
  std::vector<std::string> argv = {SB_PROGRAM};
  argv.insert(argv.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (std::string& word : argv) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    for (const auto& [name, value] : env) setenv(name.c_str(), value.c_str(), 1);
    if (chdir(cwd.c_str()) == 0) execv(SB_PROGRAM, arguments.data());
    _exit(127);
  }
  base::Finished finished;
  bool asked = false;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(terminal, buffer, sizeof buffer)) > 0;) {
    finished.out.append(buffer, static_cast<std::size_t>(got));
    if (asked || finished.out.find("type the name of the release") == std::string::npos) continue;
    asked = write(terminal, typed.data(), typed.size()) > 0;
  }
  close(terminal);
  int status = 0;
  waitpid(child, &status, 0);
  finished.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return finished;
}

TEST_F(EnvironmentsTest, AProtectedEnvironmentIsConfirmed) {
  Configure(", protected: true");
  const std::vector<std::string> env = {"--env", "production"};
  const auto with = [&env](std::vector<std::string> words) {
    words.insert(words.end(), env.begin(), env.end());
    return words;
  };
  Done(with({"run", "20261122-names"}));
  const auto lines = [this] {
    const std::string journal = base::ReadFile(project_.path() / ".switchback/production/20261122-names/journal.jsonl");
    return std::count(journal.begin(), journal.end(), '\n');
  };
  const auto before = lines();
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"contract", "20261122-names"},
                                             {"purge", "20261122-names"},
                                             {"run", "20261122-names", "--until", "contract"},
                                             {"rollback", "20261122-names"},
                                             {"rollback", "20261122-names", "--way", "restore"},
                                             {"restore", "20261122-names", "--salvage", "--cut-over"}}) {
    SCOPED_TRACE(testing::PrintToString(words));
    const base::Json refused = On(with(words));
    EXPECT_EQ(refused["exit"], 2);
    EXPECT_EQ(refused["error"]["code"], "SB3608") << refused;
    EXPECT_EQ(refused["database"], "production");
    const base::Finished wrong = OnTerminal(project_.path(), with(words), Urls(), "20261122-name\n");
    EXPECT_EQ(wrong.exit, 2) << wrong.out;
    EXPECT_THAT(wrong.out, HasSubstr("type the name of the release"));
    EXPECT_THAT(wrong.out, HasSubstr("environment production, database production"));
    EXPECT_EQ(OnTerminal(project_.path(), with(words), Urls(), "\x04").exit, 2) << "nothing was typed";
  }
  EXPECT_EQ(OnTerminal(project_.path(), with({"contract", "20261122-names"}), Urls(), "\x03").exit, 130);
  EXPECT_EQ(lines(), before);

  const base::Finished typed =
      OnTerminal(project_.path(), with({"contract", "20261122-names"}), Urls(), "20261122-names\n");
  EXPECT_EQ(typed.exit, 0) << typed.out;
  Done(with({"rollback", "20261122-names", "--yes"}));
  // Elsewhere nobody is asked.
  Done({"run", "20261122-names", "--env", "staging", "--until", "contract"});
  Done({"rollback", "20261122-names", "--env", "staging"});
}

TEST_F(EnvironmentsTest, ANameThatIsNotWholeStandsForAnOpenReleaseWhereOneReads) {
  Done({"run", "names", "--env", "staging"});
  Done({"rollback", "2026", "--env", "staging"});
  Done({"close", "names", "--env", "staging"});
  project_.MakeRelease("20261123-names", kChange);
  EXPECT_EQ(On({"status", "names", "--env", "staging"})["release"], "20261123-names");
  for (const char* command : {"plan", "run", "rollback", "close", "pause"}) {
    const base::Json refused = On({command, "names", "--env", "staging"});
    EXPECT_EQ(refused["exit"], 2);
    EXPECT_EQ(refused["error"]["hint"], "Write more of it: 20261122-names, 20261123-names.") << command;
  }
  // In production none has ended.
  EXPECT_EQ(On({"status", "names", "--env", "production"})["exit"], 2);
  EXPECT_EQ(On({"plan", "20261123", "--env", "staging"})["release"], "20261123-names");
  EXPECT_THAT(On({"plan", "nmaes", "--env", "staging"})["next"].get<std::string>(), HasSubstr("Did you mean 2026112"));
}

const base::Json& Promotion(const base::Json& gate) {
  static const base::Json kNone;
  for (const base::Json& check : gate["result"]["checks"]) {
    if (check["id"] == "promotion") return check;
  }
  return kNone;
}

TEST_F(EnvironmentsTest, WhatTheEnvironmentBeforeHasNotSeenIsHeld) {
  Configure(", after: staging");
  const std::vector<std::string> gate = {"gate", "20261122-names", "--env", "production", "--for"};
  const auto promotion = [&](const std::string& phase) {
    std::vector<std::string> words = gate;
    words.push_back(phase);
    return Promotion(On(words));
  };
  Done({"plan", "20261122-names", "--env", "production"});
  const base::Json first = promotion("expand");
  EXPECT_EQ(first["result"], "missing");
  EXPECT_EQ(first["remedy"], "Do it there first: `switchback expand --env staging 20261122-names`.");
  const base::Json refused = On({"run", "20261122-names", "--env", "production"});
  EXPECT_EQ(refused["exit"], 11) << refused;
  EXPECT_THAT(refused["error"]["detail"].get<std::string>(), HasSubstr("promotion: In staging, expand is not done."));

  Done({"run", "20261122-names", "--env", "staging"});
  EXPECT_EQ(promotion("migrate")["result"], "pass");
  EXPECT_EQ(promotion("contract")["result"], "missing");
  Done({"run", "20261122-names", "--env", "production"});
  Done({"contract", "20261122-names", "--env", "staging"});
  EXPECT_EQ(promotion("contract")["result"], "pass");
  Done({"rollback", "20261122-names", "--env", "staging", "--to", "migrate"});
  const base::Json back = promotion("contract");
  EXPECT_EQ(back["result"], "decide");
  EXPECT_THAT(back["reason"].get<std::string>(), HasSubstr("In staging it was taken back"));
  // Staging has no environment before it.
  EXPECT_EQ(Promotion(On({"gate", "20261122-names", "--env", "staging", "--for", "contract"}))["result"], "skipped");
  // A release that ended well there has seen everything.
  Done({"contract", "20261122-names", "--env", "staging"});
  Done({"purge", "20261122-names", "--env", "staging"});
  Done({"close", "20261122-names", "--env", "staging"});
  EXPECT_EQ(promotion("purge")["result"], "pass");

  std::map<std::string, std::string> env = Urls();
  env["STAGING_URL"] = "";
  const base::Json unknown = Promotion(project_.On({"gate", "20261122-names", "--env", "production"}, env));
  EXPECT_EQ(unknown["result"], "missing");
  EXPECT_THAT(unknown["reason"].get<std::string>(), HasSubstr("STAGING_URL is not set"));
}

TEST_F(EnvironmentsTest, ADifferenceIsNamedAndEachEnvironmentKeepsItsPlan) {
  Configure(", after: staging");
  project_.ConnectTo("production").Exec("ALTER TABLE users ALTER COLUMN name TYPE varchar(80)");
  Done({"run", "20261122-names", "--env", "staging"});
  Done({"plan", "20261122-names", "--env", "production"});
  const base::Json held = On({"run", "20261122-names", "--env", "production"});
  EXPECT_EQ(held["exit"], 11) << held;
  EXPECT_THAT(held["error"]["detail"].get<std::string>(),
              testing::AllOf(HasSubstr("promotion: In staging, expand is done with another plan"), HasSubstr("name")));
  Done({"run", "20261122-names", "--env", "production", "--accept-other-plan"});
  EXPECT_EQ(On({"gate", "20261122-names", "--env", "production", "--for", "migrate"})["result"]["decision"], "GO");
  // The plan beside the release is production's now.
  Done({"rollback", "20261122-names", "--env", "staging"});
  Done({"rollback", "20261122-names", "--env", "production"});
  base::WriteFile(project_.path() / "releases/20261122-names/change.sql", std::string("-- again\n") + kChange);
  Done({"plan", "20261122-names", "--env", "staging"});
  Done({"run", "20261122-names", "--env", "staging"});
  EXPECT_EQ(On({"plan", "20261122-names", "--env", "production"})["exit"], 0);
}

}  // namespace
