#include <cstdlib>

#include "base/digest.h"
#include "base/error.h"
#include "base/process.h"
#include "catalog/read.h"
#include "pg/connection.h"
#include "run/hand_plan.h"
#include "run/look.h"
#include "run/runner.h"
#include "run/stage.h"

namespace run {
namespace {

pg::ConnectOptions Options(const std::string& url) {
  pg::ConnectOptions options{.conninfo = url, .application_name = "switchback test"};
  if (const char* idle = std::getenv("SB_TEST_IDLE_MS")) {
    options.idle_in_transaction = std::chrono::milliseconds(std::stoi(idle));
  }
  return options;
}

plan::Plan PlanFor(const std::string& url) {
  auto connection = pg::Connection::Open(Options(url));
  plan::Plan plan = HandPlan();
  plan.touched = catalog::Describe(catalog::Read(connection, {.relations = plan.tables, .types = {}}), plan.tables);
  return plan;
}

journal::Journal Journal(const std::string& url, const plan::Plan& plan, const std::filesystem::path& state) {
  auto connection = pg::Connection::Open(Options(url));
  return OpenJournal(connection, plan.release, state);
}

}  // namespace

void GoForward(const std::string& url, const plan::Plan& plan, const std::filesystem::path& state, const Limits& limits,
               plan::Phase phase) {
  auto journal = Journal(url, plan, state);
  const Session session{
      .connect = Options(url), .plan = plan, .journal = journal, .tag_secret = "secret", .limits = limits};
  RunTo(session, phase);
}

base::Json GoBack(const std::string& url, const plan::Plan& plan, const std::filesystem::path& state,
                  const Limits& limits, plan::Phase phase) {
  auto journal = Journal(url, plan, state);
  const Session session{
      .connect = Options(url), .plan = plan, .journal = journal, .tag_secret = "secret", .limits = limits};
  base::Json kept = base::Json::array();
  Runner runner(session, journal::Direction::kReverse);
  for (std::size_t i = runner.position().BackFrom(); i > plan.EndOf(phase); --i) {
    for (base::Json& row : runner.Run(i - 1, journal::Direction::kReverse).kept) kept.push_back(row);
  }
  runner.Finish();
  return kept;
}

void Stage::SetUp() {
  PostgresTest::SetUp();
  state_ = std::filesystem::temp_directory_path() / ("run-test-" + base::RandomHex(6));
  limits_ = {.lock_timeout = std::chrono::milliseconds(500), .lock_retries = 3, .throttle = {.workers = 2}};
  Begin(3000);
}

void Stage::TearDown() {
  std::filesystem::remove_all(state_);
  PostgresTest::TearDown();
}

void Stage::Begin(int rows) {
  std::filesystem::remove_all(state_);
  auto connection = Connect();
  connection.Exec(
      "DROP SCHEMA IF EXISTS switchback CASCADE; DROP TABLE IF EXISTS public.\"user \"\"accounts\"\"\" CASCADE");
  CreateUsers(connection, rows);
  plan_ = PlanFor(url());
}

void Stage::Forward(plan::Phase phase) { GoForward(url(), plan_, state_, limits_, phase); }
base::Json Stage::Back(plan::Phase phase) { return GoBack(url(), plan_, state_, limits_, phase); }

journal::Position Stage::Position() {
  auto connection = Connect();
  auto journal = OpenJournal(connection, plan_.release, state_);
  return WhereItStands(connection, plan_, journal);
}

base::Command Stage::ChildCommand(const std::string& way, plan::Phase phase, const std::string& failpoint) const {
  return {.argv = {std::filesystem::read_symlink("/proc/self/exe").string(), "--gtest_also_run_disabled_tests",
                   "--gtest_filter=ChildRunner.DISABLED_Runs"},
          .env = {{"SB_TEST_URL", url()},
                  {"SB_TEST_STATE", state_.string()},
                  {"SB_TEST_WAY", way},
                  {"SB_TEST_PHASE", std::string(plan::Name(phase))},
                  {"SB_TEST_TOUCHED", plan_.touched.dump()},
                  {"SWITCHBACK_FAILPOINT", failpoint}},
          .inherit = base::Inherit::kAll,
          .deadline = std::chrono::seconds(120)};
}

int Stage::InChild(const std::string& way, plan::Phase phase, const std::string& failpoint) {
  return base::Run(ChildCommand(way, phase, failpoint)).exit;
}

// What InChild runs; skipped where nothing asks for it.
TEST(ChildRunner, DISABLED_Runs) {
  const char* url = std::getenv("SB_TEST_URL");
  if (url == nullptr) GTEST_SKIP();
  plan::Plan plan = HandPlan();
  plan.touched = base::ParseJson(std::getenv("SB_TEST_TOUCHED"), "touched");
  const std::filesystem::path state = std::getenv("SB_TEST_STATE");
  const plan::Phase phase = plan::ParsePhase(std::getenv("SB_TEST_PHASE"));
  const Limits limits{.lock_timeout = std::chrono::milliseconds(500), .lock_retries = 3, .throttle = {.workers = 2}};
  if (std::string(std::getenv("SB_TEST_WAY")) == "forward") {
    GoForward(url, plan, state, limits, phase);
  } else {
    GoBack(url, plan, state, limits, phase);
  }
}

}  // namespace run
