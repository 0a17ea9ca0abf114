#include "release/project.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "release/nearest.h"

namespace release {
namespace {

namespace fs = std::filesystem;

class ProjectTest : public testing::Test {
 protected:
  ProjectTest() : root_(fs::temp_directory_path() / ("sb-project-" + base::RandomHex(6))) {
    fs::create_directories(root_ / "releases");
  }
  ~ProjectTest() override { fs::remove_all(root_); }

  Project Load(const std::string& yaml, const std::string& environment = "") {
    base::WriteFile(root_ / "switchback.yaml", yaml);
    fs::create_directories(root_ / "a/b");
    return LoadProject(root_ / "a/b", {.environment = environment});
  }
  void AddRelease(const std::string& name) {
    fs::create_directories(root_ / "releases" / name);
    base::WriteFile(root_ / "releases" / name / "release.yaml", "version: 1\n");
  }
  template <typename Call>
  base::Error ErrorOf(Call call) {
    try {
      call();
    } catch (const base::Error& error) {
      return error;
    }
    ADD_FAILURE() << "no error";
    return base::Error(base::Code::kInternal, "no error");
  }

  fs::path root_;
};

TEST_F(ProjectTest, MergesLimitsOfBackfills) {
  const Project project = Load(R"(version: 1
environments: {production: {throttle: {replica_lag: off, workers: 3, batch: 20ms, share: 0.1, latency: 20ms, latency_query: SELECT 1}}}
throttle: {replica_lag: 4s, free_disk: 5GB, table_growth: 0.25, archive_backlog: 7}
)");
  const Throttle& throttle = project.environment.throttle;
  EXPECT_EQ(throttle.replica_lag, std::nullopt);
  EXPECT_EQ(throttle.workers, 3);
  EXPECT_EQ(throttle.batch, std::chrono::milliseconds(20));
  EXPECT_EQ(throttle.share, 0.1);
  EXPECT_EQ(throttle.latency, std::chrono::milliseconds(20));
  EXPECT_EQ(throttle.latency_query, "SELECT 1");
  EXPECT_EQ(throttle.free_disk, 5L << 30);
  EXPECT_EQ(throttle.table_growth, 0.25);
  EXPECT_EQ(throttle.archive_backlog, 7);
  EXPECT_EQ(throttle.lock_waiters, 0);  // the default
}

TEST_F(ProjectTest, AnEnvironmentTrustsMoreRolesAndOnlyWithAReason) {
  const Project project = Load(R"(version: 1
role: deploy
trust: [{role: app, reason: "its triggers are ours"}]
environments:
  staging: {}
  production: {role: release, trust: [{role: PUBLIC, reason: nobody else connects}]}
)",
                               "production");
  EXPECT_EQ(project.environment.role, "release");
  ASSERT_EQ(project.environment.trust.size(), 2U);
  EXPECT_EQ(project.environment.trust[0].role, "app");
  EXPECT_EQ(project.environment.trust[1].role, "PUBLIC");
  EXPECT_EQ(Load("version: 1\nrole: deploy\n").environment.role, "deploy");
  for (const char* trust : {"[app]", "[{role: app}]", "[{role: app, reason: ''}]", "app", "[{role: app, why: x}]"}) {
    EXPECT_EQ(ErrorOf([&] { Load(std::string("version: 1\ntrust: ") + trust + "\n"); }).code(), base::Code::kBadYaml)
        << trust;
  }
}

TEST_F(ProjectTest, AnEnvironmentIsProtectedOnlyWhereItSaysSo) {
  const std::string yaml =
      "version: 1\nenvironments: {staging: {protected: false}, production: {protected: true}, x: {}}\n";
  EXPECT_TRUE(Load(yaml, "production").environment.guarded);
  EXPECT_FALSE(Load(yaml, "staging").environment.guarded);
  EXPECT_FALSE(Load(yaml, "x").environment.guarded);
  for (const char* value : {"yes", "1", "[]", "", "production"}) {
    EXPECT_EQ(ErrorOf([&] { Load(fmt::format("version: 1\nenvironments: {{a: {{protected: {}}}}}\n", value)); }).code(),
              base::Code::kBadYaml)
        << value;
  }
}

TEST_F(ProjectTest, EnvironmentsComeOneAfterAnother) {
  EXPECT_EQ(Load("version: 1\nenvironments: {a: {after: b}, b: {after: c}, c: {}}\n", "a").environment.after, "b");
  for (const char* yaml : {"{a: {after: b}, b: {after: a}}", "{a: {after: b}, b: {after: c}, c: {after: b}}",
                           "{a: {after: a}}", "{a: {after: x}}"}) {
    EXPECT_EQ(ErrorOf([&] { Load(fmt::format("version: 1\nenvironments: {}\n", yaml), "a"); }).code(),
              base::Code::kBadYaml)
        << yaml;
  }
}

TEST_F(ProjectTest, RefusesLimitsThatMeanNothing) {
  for (const std::string throttle :
       {"{replica_lagg: 4s}", "{every: 0s}", "{batch: 1s}", "{share: 0}", "{share: 1.5}", "{table_growth: 0}",
        "{lock_waiters: -1}", "{latency_query: SELECT 1}", "{workers: off}", "{longest_pause: 0s}"}) {
    EXPECT_EQ(ErrorOf([&] { Load("version: 1\nthrottle: " + throttle + "\n"); }).code(), base::Code::kBadYaml)
        << throttle;
  }
}

TEST_F(ProjectTest, MergesPoliciesAndFindsTheRoot) {
  const Project project = Load(R"(version: 1
environments:
  staging: {database_env: STAGING_URL}
  production: {database_env: PROD_URL, after: staging, policy: {lock_timeout: 500ms, slot_max_bytes: 2 GB}}
backup: {provider: local, repository: backups}
policy: {lock_retries: 3, lock_timeout: 1s, backup_max_age: 2d, backup_max_wal: 512MB, index_lock_timeout: 1h, lock_budget: 4s}
state_dir: /var/lib/sb
)",
                               "production");
  EXPECT_EQ(project.root, root_);
  EXPECT_EQ(project.environments, (std::vector<std::string>{"staging", "production"}));
  EXPECT_EQ(project.environment.after, "staging");
  EXPECT_EQ(project.environment.policy.lock_timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(project.environment.policy.lock_retries, 3);
  EXPECT_EQ(project.environment.policy.lock_budget, std::chrono::seconds(4));
  EXPECT_EQ(project.environment.policy.backup_max_age, std::chrono::hours(48));
  EXPECT_EQ(project.environment.policy.backup_max_wal, 512L << 20);
  EXPECT_EQ(project.environment.policy.index_lock_timeout, std::chrono::hours(1));
  EXPECT_EQ(project.environment.policy.slot_max_bytes, 2L << 30);
  EXPECT_EQ(project.environment.backup.options["repository"], (root_ / "backups").string());
  EXPECT_EQ(project.environment.backup.options["restored"], (root_ / "backups/restored").string());
  EXPECT_EQ(project.StateOf("r"), "/var/lib/sb/production/r");
}

TEST_F(ProjectTest, ReadsTheKeysOfEachBackupTool) {
  const auto backup = [&](const std::string& keys) {
    return Load("version: 1\nbackup: " + keys + "\n").environment.backup;
  };
  Backup read =
      backup("{provider: pgbackrest, stanza: shop, config: etc/p.conf, repository: 2, restored: /big/restored}");
  EXPECT_EQ(read.provider, "pgbackrest");
  EXPECT_EQ(read.options, (base::Json{{"stanza", "shop"},
                                      {"config", (root_ / "etc/p.conf").string()},
                                      {"repository", 2},
                                      {"restored", "/big/restored"}}));
  EXPECT_EQ(backup("{provider: pgbackrest, stanza: shop, restored: r}").options["repository"], 1);
  read = backup("{provider: barman, server: shop, restored: r}");
  EXPECT_EQ(read.options, (base::Json{{"server", "shop"}, {"restored", (root_ / "r").string()}}));
  EXPECT_TRUE(backup("{provider: local}").options.empty());
  EXPECT_EQ(backup("{provider: local, repository: \"b/{system_identifier}/x\"}").options["restored"],
            (root_ / "b/restored").string());
  EXPECT_EQ(backup("{repository: b, max_rate: 20MB}").options["max_rate"], 20 << 20);
  EXPECT_EQ(Load("version: 1\nbackup: {repository: b}\n"
                 "environments: {a: {backup: {provider: barman, server: s, restored: r}}}\n")
                .environment.backup.options["server"],
            "s");
}

TEST_F(ProjectTest, ChoosesTheEnvironment) {
  const std::string two = "version: 1\nenvironments: {staging: , production: }\n";
  EXPECT_EQ(Load("version: 1\n").environment.name, "default");
  EXPECT_EQ(Load("version: 1\nenvironments: {only: }\n").environment.name, "only");
  EXPECT_EQ(ErrorOf([&] { Load(two); }).hint(), "Give --env NAME or set SWITCHBACK_ENV: staging, production.");
  EXPECT_EQ(LoadProject(root_, {.environment = "production", .by = "SWITCHBACK_ENV"}).environment.name, "production");
  EXPECT_EQ(ErrorOf([&] { LoadProject(root_, {.environment = "test", .by = "SWITCHBACK_ENV"}); }).message(),
            "SWITCHBACK_ENV names the environment \"test\", which does not exist");
  EXPECT_EQ(Load(two, "staging").environment.name, "staging");
  const base::Error error = ErrorOf([&] { Load(two, "prodution"); });
  EXPECT_EQ(error.code(), base::Code::kNoEnvironment);
  EXPECT_EQ(error.hint(), "Did you mean production? switchback.yaml has: staging, production.");
}

TEST_F(ProjectTest, RefusesBadInputWithItsPlace) {
  struct Bad {
    const char* yaml;
    int line;
    int column;
    const char* message;
  };
  const std::vector<Bad> cases = {
      {"version: 1\npolcy: {}\n", 2, 1, "unknown key \"polcy\""},
      {"version: 3\n", 1, 10, "version must be 1, and is 3"},
      {"version: 1\npolicy: {lock_timeout: 0s}\n", 2, 24, "policy.lock_timeout must be above 0"},
      {"version: 1\npolicy: {lock_budget: 61s}\n", 2, 23, "policy.lock_budget must be above 0 and not above 60s"},
      {"version: 1\npolicy: {lock_retries: -1}\n", 2, 24, "policy.lock_retries must be between 0 and 1000, and is -1"},
      {"version: 1\npolicy: {slot_max_bytes: 4 XB}\n", 2, 26, "policy.slot_max_bytes must be a size, and is \"4 XB\""},
      {"version: 1\npolicy: {slot_max_bytes: 99999999999TB}\n", 2, 26,
       "policy.slot_max_bytes must be a size, and is \"99999999999TB\""},
      {"version: 1\nbackup: {provider: rsync}\n", 2, 20, "backup.provider cannot be \"rsync\""},
      {"version: 1\nbackup: {provider: barman, server: s, restored: r, stanza: s}\n", 2, 52, "unknown key \"stanza\""},
      {"version: 1\nbackup: {provider: pgbackrest, stanza: s, restored: r, repository: 0}\n", 2, 68,
       "backup.repository must be between 1 and 256, and is 0"},
      {"version: 1\nbackup: {repository: b, max_rate: 31kB}\n", 2, 35, "backup.max_rate must be between 32kB and 1GB"},
      {"version: 1\nenvironments: {a b: }\n", 2, 16, "\"a b\" is no name for an environment"},
      {"version: 1\nenvironments: {a: , b: {after: c}}\n", 2, 32, "environments.b.after cannot be \"c\""},
      {"version: 1\nenvironments: {a: {database_env: \"postgresql://x\"}}\n", 2, 34,
       "environments.a.database_env must be the name of an environment variable"},
  };
  for (const Bad& bad : cases) {
    SCOPED_TRACE(bad.yaml);
    const base::Error error = ErrorOf([&] { Load(bad.yaml, "a"); });
    EXPECT_EQ(error.code(), base::Code::kBadYaml);
    EXPECT_EQ(error.message(), bad.message);
    EXPECT_EQ(error.ToJson()["at"]["line"], bad.line);
    EXPECT_EQ(error.ToJson()["at"]["column"], bad.column);
  }
}

TEST_F(ProjectTest, NoProject) {
  EXPECT_EQ(ErrorOf([&] { LoadProject(root_ / "releases", {}); }).code(), base::Code::kNoProject);
}

TEST_F(ProjectTest, FindsAReleaseByNamePrefixOrPath) {
  for (const char* name : {"20260101-users", "20260101-users-two", "20260301-orders"}) AddRelease(name);
  const Project project = Load("version: 1\n");
  EXPECT_EQ(FindRelease(project, "20260101-users"), root_ / "releases/20260101-users");
  EXPECT_EQ(FindRelease(project, "202603"), root_ / "releases/20260301-orders");
  EXPECT_EQ(FindRelease(project, (root_ / "elsewhere/r").string()), root_ / "elsewhere/r");
  EXPECT_EQ(ErrorOf([&] { FindRelease(project, "2026010"); }).hint(),
            "Write more of it: 20260101-users, 20260101-users-two.");
  EXPECT_EQ(FindRelease(project, "orders"), root_ / "releases/20260301-orders");
  EXPECT_EQ(FindRelease(project, "users"), root_ / "releases/20260101-users");
  EXPECT_EQ(FindRelease(project, "users-"), root_ / "releases/20260101-users-two");
  AddRelease("20260302-users");
  EXPECT_EQ(ErrorOf([&] { FindRelease(project, "users"); }).hint(),
            "Write more of it: 20260101-users, 20260302-users.");
  const base::Error error = ErrorOf([&] { FindRelease(project, "20260301-ordrs"); });
  EXPECT_EQ(error.code(), base::Code::kNoRelease);
  EXPECT_EQ(error.hint(),
            "Did you mean 20260301-orders? Releases here: 20260101-users, 20260101-users-two, 20260301-orders, "
            "20260302-users.");
  EXPECT_EQ(ErrorOf([&] { FindRelease(project, ""); }).code(), base::Code::kNoRelease);
}

TEST_F(ProjectTest, APrefixStandsForOneOfAllReleasesOrForTheOneThatIsOpen) {
  for (const char* name : {"20260101-users", "20260302-users", "20260301-orders"}) AddRelease(name);
  const Project project = Load("version: 1\n");
  const auto ended = [](const std::string& name) { return name == "20260101-users"; };
  EXPECT_EQ(FindRelease(project, "users", ended), root_ / "releases/20260302-users");
  EXPECT_EQ(FindRelease(project, "20260101", ended), root_ / "releases/20260101-users");
  EXPECT_EQ(ErrorOf([&] { FindRelease(project, "users"); }).hint(),
            "Write more of it: 20260101-users, 20260302-users.");
  EXPECT_EQ(ErrorOf([&] { FindRelease(project, "2026", ended); }).hint(),
            "Write more of it: 20260101-users, 20260301-orders, 20260302-users.");
  EXPECT_EQ(FindRelease(project, "20260301"), root_ / "releases/20260301-orders");
  base::MakeDirectories(project.StateOf("20260301-old"), 0700);
  base::WriteFile(project.StateOf("20260301-old") / "journal.jsonl", "");
  EXPECT_EQ(ErrorOf([&] { FindRelease(project, "20260301"); }).hint(),
            "Write more of it: 20260301-old, 20260301-orders.");
  EXPECT_EQ(FindRelease(project, "20260301", ended), root_ / "releases/20260301-orders");
  EXPECT_EQ(FindRelease(project, "20260301-orders"), root_ / "releases/20260301-orders");
  EXPECT_TRUE(ErrorOf([&] { FindRelease(project, "ordres"); }).hint().starts_with("Did you mean 20260301-orders? "));
}

TEST(Nearest, CountsEditsAndKeepsItsDistance) {
  EXPECT_EQ(EditDistance("owner", "owner"), 0);
  EXPECT_EQ(EditDistance("ownre", "owner"), 1);
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(Nearest("ownr", {"title", "owner"}), "owner");
  EXPECT_EQ(Nearest("zzzz", {"title", "owner"}), "");
}

}  // namespace
}  // namespace release
