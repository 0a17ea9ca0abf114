// Which version must be gone before a way back, and who is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "needs_programs.h"
#include "served_project.h"

namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Rollback : public testing::Test {
 protected:
  base::Json On(const std::vector<std::string>& words, int exit) {
    const base::Json said = project_.On(words);
    EXPECT_EQ(said["exit"], exit) << words.front() << "\n" << said.dump(2);
    return said;
  }
  test::ServedProject project_;
};

TEST_F(Rollback, TheNewVersionHoldsAWayBackBelowMigrate) {
  project_.Connect().Exec("CREATE TABLE public.t (id int PRIMARY KEY, a int); INSERT INTO public.t VALUES (1, 1)");
  const auto directory = project_.MakeRelease("names", "ALTER TABLE t RENAME COLUMN a TO b;\n");
  base::WriteFile(directory / "release.yaml",
                  base::ReadFile(directory / "release.yaml") +
                      "applications: {web: {after: {version: 1.9.0, application_name: web-1.9*}}}\n");
  On({"plan", "names"}, 0);
  On({"checkpoint", "names"}, 0);
  On({"run", "names"}, 0);
  On({"contract", "names"}, 0);
  auto web = pg::Connection::Open({.conninfo = project_.url(), .application_name = "web-1.9.0-a1"});
  // Back to where both versions work nobody need be gone.
  On({"rollback", "names", "--to", "migrate"}, 0);
  const base::Json held = On({"rollback", "names"}, 11);
  EXPECT_EQ(held["error"]["code"], "SB3607");
  EXPECT_THAT(held["error"]["message"].get<std::string>(), HasSubstr("web 1.9.0 must be gone"));
  EXPECT_THAT(held["error"]["detail"].get<std::string>(),
              HasSubstr("1 session of web 1.9.0 (application_name web-1.9.0-a1)"));
  web.Exec("UPDATE public.t SET b = 2 WHERE id = 1");
  On({"rollback", "names", "--force"}, 0);
  EXPECT_EQ(web.Exec("SELECT a FROM public.t").Int(0, 0), 2);
  EXPECT_ANY_THROW(web.Exec("UPDATE public.t SET b = 3 WHERE id = 1"));
  EXPECT_THAT(base::ReadFile(project_.State("names") / "journal.jsonl"), HasSubstr("\"forced\""));
}

}  // namespace
