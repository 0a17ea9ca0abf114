#include "release/release.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

namespace release {
namespace {

namespace fs = std::filesystem;

class ReleaseTest : public testing::Test {
 protected:
  ReleaseTest() : root_(fs::temp_directory_path() / ("sb-release-" + base::RandomHex(6))) {
    fs::create_directories(root_ / "queries");
    base::WriteFile(root_ / "change.sql", "ALTER TABLE t ADD COLUMN a int;\n");
    base::WriteFile(root_ / "queries/web-1.sql", "SELECT 1;\n");
    base::WriteFile(root_ / "queries/web-2.sql", "SELECT 2;\n");
  }
  ~ReleaseTest() override { fs::remove_all(root_); }

  Release Load(const std::string& yaml) {
    base::WriteFile(root_ / "release.yaml", yaml);
    return LoadRelease(root_);
  }

  fs::path root_;
};

constexpr const char* kFull = R"yaml(version: 1
title: Give users a display name
owner: accounts-oncall@example.com
rollback_window: 24h
change: change.sql
transforms:
  users:
    display_name: {up: "btrim(name)", down: "display_name"}
  '"My Table"':
    b: {up: "a::bigint"}
applications:
  web:
    before: {version: 1.8.2, queries: queries/web-1.sql}
    after:  {version: 1.9.0, queries: queries/web-2.sql, application_name: web-1.9*}
    code_rollback: {git: {repository: ../web, revert: HEAD}}
flags:
  login-v2: {off: {flagd: {file: flags.json}}}
traffic: {pause: {pgbouncer: {url: "postgresql:///pgbouncer"}}}
invariants:
  - {name: no order without a customer, sql: "select count(*) from orders", expect: 0}
  - {name: a text, sql: "select 'x'", expect: "0"}
  - {name: a fraction, sql: "select 0.50", expect: 0.50}
rollback_conditions:
  - {name: error rate, prometheus: "sum(x)", max: 0.01, for: 2m, then: flag-off}
  - {name: negative totals, sql: "select count(*) from orders where total < 0", max: 0, then: undo}
opaque:
  - {statement: 3, down: "SELECT 1"}
  - {statement: 4, down: "SELECT 1", writes: {orders: [total], public.audit: ["*"]}}
)yaml";

TEST_F(ReleaseTest, ReadsEveryKey) {
  const Release release = Load(kFull);
  EXPECT_EQ(release.name, root_.filename().string());
  EXPECT_EQ(release.title, "Give users a display name");
  EXPECT_EQ(release.rollback_window, std::chrono::hours(24));
  EXPECT_EQ(release.change_sql, "ALTER TABLE t ADD COLUMN a int;\n");
  EXPECT_EQ(release.transforms.at("users").at("display_name").up, "btrim(name)");
  EXPECT_EQ(release.transforms.at("\"My Table\"").at("b").down, "");
  EXPECT_EQ(release.applications.at("web").before->version, "1.8.2");
  EXPECT_EQ(release.applications.at("web").before->session_name, "");
  EXPECT_EQ(release.applications.at("web").after->session_name, "web-1.9*");
  EXPECT_EQ(release.applications.at("web").code_rollback["git"]["revert"], "HEAD");
  EXPECT_EQ(release.flags.at("login-v2")["off"]["flagd"]["file"], "flags.json");
  EXPECT_EQ(release.invariants.at(0).expect, base::Json(0));
  EXPECT_EQ(release.invariants.at(1).expect, base::Json("0"));
  EXPECT_EQ(release.invariants.at(2).expect, base::Json("0.50"));
  EXPECT_DOUBLE_EQ(release.rollback_conditions.at(0).max, 0.01);
  EXPECT_EQ(release.rollback_conditions.at(1).then, "undo");
  EXPECT_EQ(release.downs.at(3), "SELECT 1");
  EXPECT_EQ(release.writes.count(3), 0U);
  EXPECT_EQ(release.writes.at(4).at("orders"), std::vector<std::string>{"total"});
  EXPECT_EQ(release.writes.at(4).at("public.audit"), std::vector<std::string>{"*"});
}

TEST_F(ReleaseTest, OwnerAndWindowMayBeMissingOrEmpty) {
  const Release release = Load("version: 1\nowner:\nrollback_window:\nchange: change.sql\n");
  EXPECT_EQ(release.owner, "");
  EXPECT_FALSE(release.rollback_window);
  EXPECT_TRUE(release.traffic.is_null());
}

TEST_F(ReleaseTest, MessagesNameTheFileRelativeToTheWorkingDirectory) {
  const fs::path before = fs::current_path();
  fs::current_path(root_.parent_path());
  base::WriteFile(root_ / "release.yaml", "version: 1\nchange: change.sql\n");
  const std::string shown = LoadRelease(root_.filename()).change_path.string();
  fs::current_path(before);
  EXPECT_EQ(shown, root_.filename().string() + "/change.sql");
}

struct Bad {
  const char* yaml;
  int line;
  int column;
  const char* message;
  const char* hint;  // part of it
};

constexpr const char* kHead = "version: 1\nchange: change.sql\n";

const std::vector<Bad> kBad = {
    {"ownr: me\n", 3, 1, "unknown key \"ownr\"", "Did you mean owner?"},
    {"title: \"\xC3\xA9\xC3\xA9\"\nflags: {x\xC3\xA9: {off: {flgd: 1}}}\n", 4, 20, "unknown key \"flgd\"",
     "Did you mean flagd?"},
    {"owner: a\nowner: b\n", 4, 1, "the key \"owner\" stands twice", ""},
    {"rollback_window: 24 days\n", 3, 18, "rollback_window must be a duration, and is \"24 days\"", "200ms"},
    {"title: [a]\n", 3, 8, "title must be a text, and is a list", ""},
    {"transforms: [a]\n", 3, 13, "transforms must be a mapping of keys to values", ""},
    {"transforms: {t: {c: {upp: x}}}\n", 3, 22, "unknown key \"upp\"", "Did you mean up?"},
    {"applications: {web: {before: {queries: queries/web-1.sql}}}\n", 3, 30,
     "applications.web.before lacks the key \"version\"", ""},
    {"applications: {web: {before: {version: 1, queries: queries/no.sql}}}\n", 3, 52,
     "applications.web.before.queries names queries/no.sql, which is no file here", "Create"},
    {"applications: {web: {after: {version: 1, application_name: \"*\"}}}\n", 3, 60,
     "applications.web.after.application_name would mean every session", "of this version only"},
    {"applications: {web: {before: {version: 1, queries: ../x.sql}}}\n", 3, 52,
     "applications.web.before.queries must be inside the release's directory", ""},
    {"applications: {web: {code_rollback: {git: {repository: a}}}}\n", 3, 43,
     "applications.web.code_rollback.git lacks the key \"revert\"", ""},
    {"flags: {a: {off: {flagd: {file: f}, run: [x]}}}\n", 3, 18, "flags.a.off must say exactly one way", ""},
    {"flags: {a: {off: {run: []}}}\n", 3, 24, "flags.a.off.run is an empty list", ""},
    {"traffic: {pause: {run: [x]}}\n", 3, 18, "traffic is paused by a command, and nothing resumes it", "resume"},
    {"invariants: [{name: a, sql: x, expect: [1]}]\n", 3, 40, "invariants[1].expect must be one value", ""},
    {"invariants: [{name: a, sql: x, expect: 1}, {name: a, sql: y, expect: 1}]\n", 3, 51, "the name \"a\" stands twice",
     ""},
    {"rollback_conditions: [{name: a, max: 1, then: undo}]\n", 3, 23, "the condition \"a\" needs a question",
     "prometheus"},
    {"rollback_conditions: [{name: a, sql: x, max: much, then: undo}]\n", 3, 46,
     "rollback_conditions[1].max must be a number, and is \"much\"", ""},
    {"rollback_conditions: [{name: a, sql: x, max: 1, then: und}]\n", 3, 55,
     "rollback_conditions[1].then cannot be \"und\"", "Did you mean undo?"},
    {"opaque: [{statement: 0, down: x}]\n", 3, 22, "opaque[1].statement must be between 1 and 2147483647, and is 0",
     ""},
    {"opaque: [{statement: 1, down: x}, {statement: 1, down: y}]\n", 3, 47, "statement 1 stands twice", ""},
    {"opaque: [{statement: 1}]\n", 3, 10, "statement 1 has neither a `down` nor `writes`", ""},
    {"flags: &a {b: *a}\n", 3, 12, "unknown key \"b\"", "Known here: off."},
    {"title: {\n", 4, 1, "this is not YAML", ""},
    {"---\nversion: 1\n", 0, 0, "a second YAML document begins here", "---"},
};

TEST_F(ReleaseTest, RefusesBadInputWithItsPlace) {
  for (const Bad& bad : kBad) {
    SCOPED_TRACE(bad.yaml);
    try {
      Load(std::string(kHead) + bad.yaml);
      ADD_FAILURE() << "was accepted";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kBadYaml);
      EXPECT_EQ(error.message(), bad.message);
      EXPECT_NE(error.hint().find(bad.hint), std::string::npos) << error.hint();
      const base::Json at = error.ToJson()["at"];
      if (bad.line > 0) {
        EXPECT_EQ(at["line"], bad.line);
        EXPECT_EQ(at["column"], bad.column);
      }
      EXPECT_EQ(at["file"], (root_ / "release.yaml").string());
    }
  }
}

TEST_F(ReleaseTest, ACommaBeforeTheDocumentIsRefused) {
  try {
    Load(std::string(",,, ") + kHead);
    ADD_FAILURE() << "was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(), "a second YAML document begins here");
    EXPECT_NE(error.hint().find("does not belong"), std::string::npos) << error.hint();
  }
}

TEST_F(ReleaseTest, RefusesOtherVersionsAndMissingParts) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"version: 2\nchange: change.sql\n", "version must be 1, and is 2"},
      {"change: change.sql\n", "the file lacks the key \"version\""},
      {"version: 1\n", "the file lacks the key \"change\""},
      {"version: 1\nchange: no.sql\n", "change names no.sql, which is no file here"},
      {"version: 1\nchange: queries\n", "change names queries, which is no file here"},
      {"", "the file lacks the key \"version\""},
      {"- a\n", "the file must be a mapping of keys to values"},
  };
  for (const auto& [yaml, message] : cases) {
    try {
      Load(yaml);
      ADD_FAILURE() << yaml << " was accepted";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.message(), message);
    }
  }
}

TEST_F(ReleaseTest, RefusesAValueThatContainsItself) {
  try {
    Load(std::string(kHead) + "flags: {a: {off: {run: &x [*x]}}}\n");
    FAIL() << "was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kBadYaml);
  }
}

TEST_F(ReleaseTest, SaysWhereNoReleaseIs) {
  try {
    LoadRelease(root_ / "queries");
    FAIL() << "was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kNoRelease);
  }
}

TEST_F(ReleaseTest, RefusesWhatNobodyWrites) {
  const auto refused = [&](const std::string& yaml) {
    try {
      Load(yaml);
    } catch (const base::Error& error) {
      return error.code() == base::Code::kBadYaml;
    }
    return false;
  };
  const std::string good = "version: 1\nchange: change.sql\n";
  EXPECT_FALSE(refused(good));
  EXPECT_TRUE(refused(good + "title: \xff\n")) << "not UTF-8";
  EXPECT_TRUE(refused(good + "title: |\n  " + std::string(2 << 20, 'x') + "\n")) << "too large";
  EXPECT_TRUE(refused(good + "accept: " + std::string(5000, '[') + "\n")) << "too deep";
  EXPECT_TRUE(refused(good + "accept:\n" + [] {
    std::string nested;
    for (int i = 0; i < 2000; ++i) nested += std::string(static_cast<std::size_t>(i), ' ') + "-\n";
    return nested;
  }()));
  const fs::path outside = root_.parent_path() / (root_.filename().string() + ".sql");
  base::WriteFile(outside, "SELECT 1;");
  fs::create_symlink(outside, root_ / "linked.sql");
  fs::create_directory_symlink(root_.parent_path(), root_ / "up");
  EXPECT_TRUE(refused("version: 1\nchange: linked.sql\n"));
  EXPECT_TRUE(refused("version: 1\nchange: up/" + outside.filename().string() + "\n"));
  fs::create_symlink("change.sql", root_ / "inside.sql");
  EXPECT_FALSE(refused("version: 1\nchange: inside.sql\n"));
  fs::remove(outside);
  base::WriteFile(root_ / "change.sql", "SELECT '\xff';");
  EXPECT_TRUE(refused(good));
}

TEST_F(ReleaseTest, KeepsItsFilesByteByByte) {
  base::WriteFile(root_ / "change.sql", "\xEF\xBB\xBFSELECT 1;\r\n");
  const Release release = Load("version: 1\nchange: change.sql\nowner: me\n");
  EXPECT_EQ(release.files.at("change.sql"), "\xEF\xBB\xBFSELECT 1;\r\n");
  EXPECT_EQ(ReadDeclared(release.files.at("release.yaml"), "r").owner, "me");
}

}  // namespace
}  // namespace release
