// Both versions write without a pause while a release goes along each arrow, forward and back. At every instant a
// column that a version can write is kept in step, or it cannot be written: so no write that was acknowledged is
// missing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include "base/error.h"
#include "catalog/read.h"
#include "journal/mirror.h"
#include "plan/plan.h"
#include "postgres_test.h"
#include "recover/undo.h"
#include "run/runner.h"

namespace recover {
namespace {

struct Change {
  std::string name;
  std::string change;
  std::string old_column;
  std::string new_column;
};

void PrintTo(const Change& change, std::ostream* out) { *out << change.name; }

const Change kChanges[] = {
    {"Rename", "ALTER TABLE t RENAME COLUMN a TO b", "a", "b"},
    {"RenameAndRetype", "ALTER TABLE t RENAME COLUMN a TO b; ALTER TABLE t ALTER COLUMN b TYPE bigint", "a", "b"},
    {"RenameAndLoosen", "ALTER TABLE t RENAME COLUMN a TO b; ALTER TABLE t ALTER COLUMN b DROP NOT NULL", "a", "b"},
    {"Retype", "ALTER TABLE t ALTER COLUMN a TYPE bigint", "a", "a"},
};

// One version: it counts up in rows of its own and remembers what was acknowledged.
class Version {
 public:
  Version(const std::string& url, std::string column, int first)
      : column_(std::move(column)),
        first_(first),
        thread_([this, url](const std::stop_token& stop) { Write(url, stop); }) {}

  // Ends it; what each of its rows must have.
  std::map<int, int> Stop() {
    thread_.request_stop();
    thread_.join();
    return acknowledged_;
  }
  [[nodiscard]] int tries() const { return tries_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void Write(const std::string& url, const std::stop_token& stop) {
    auto connection = pg::Connection::Open({.conninfo = url, .application_name = "version"});
    for (int value = 1; !stop.stop_requested(); ++value, ++tries_) {
      const int id = first_ + value % kRows;
      try {
        connection.Exec(fmt::format("UPDATE public.t SET {} = {} WHERE id = {}", column_, value, id));
        acknowledged_[id] = value;
        ++accepted_;
      } catch (const base::Error&) {
        // Not there, or not writable: it was not acknowledged.
      }
    }
  }

  static constexpr int kRows = 20;
  std::string column_;
  int first_;
  std::map<int, int> acknowledged_;
  std::atomic<int> tries_{0};
  std::atomic<int> accepted_{0};
  std::jthread thread_;
};

class ArrowsTest : public test::PostgresTest, public testing::WithParamInterface<Change> {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    directory_ = std::filesystem::temp_directory_path() / fmt::format("switchback-arrows-{}", ::getpid());
    std::filesystem::remove_all(directory_);
    Connect().Exec(
        "CREATE TABLE public.t (id int PRIMARY KEY, a int NOT NULL); INSERT INTO public.t SELECT g, 0 FROM "
        "generate_series(1, 200) g; ALTER DATABASE " +
        pg::Ident(Connect().Exec("SELECT current_database()").Text(0, 0)) + " SET search_path = public");
    release_.name = "20260101-arrows";
    release_.change_path = "change.sql";
    release_.change_sql = GetParam().change;
    const plan::Needs needs = plan::NeedsOf(release_);
    pg::Connection connection = Connect();
    plan_ = plan::Compile(release_, catalog::Read(connection, {needs.relations, needs.types, needs.statements}));
    ASSERT_TRUE(plan_.blockers.empty());
    journal::InstallSchema(connection);
  }
  void TearDown() override {
    std::filesystem::remove_all(directory_);
    PostgresTest::TearDown();
  }

  bool Stands(const std::string& column) {
    return Connect()
        .Query(
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attname = $1 AND NOT "
            "attisdropped)",
            {column})
        .Bool(0, 0);
  }

  // What a version wrote stands in each of the two columns that has its name at the moment; in the new one once it is
  // filled.
  void Expect(const std::map<int, int>& written, plan::Phase phase) {
    for (const std::string& column : {GetParam().old_column, GetParam().new_column}) {
      const bool filled = column == GetParam().old_column || phase >= plan::Phase::kMigrate;
      if (!filled || !Stands(column)) continue;
      const pg::Result rows = Connect().Exec(fmt::format("SELECT id, {} FROM public.t", column));
      std::map<int, std::int64_t> found;
      for (int i = 0; i < rows.rows(); ++i) found[static_cast<int>(rows.Int(i, 0))] = rows.Int(i, 1);
      for (const auto& [id, value] : written) EXPECT_EQ(found[id], value) << column << " of row " << id;
    }
  }

  static void Await(const Version& version, int more) {
    for (const int begin = version.tries(); version.tries() < begin + more;)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  // Along one arrow, with both writing before it, during it and behind it.
  void Along(const std::string& way, plan::Phase phase, const std::function<void(const run::Session&)>& arrow) {
    SCOPED_TRACE(fmt::format("{} to {}", way, Name(phase)));
    Version old_version(url(), GetParam().old_column, 1);
    Version new_version(url(), GetParam().new_column, 101);
    for (Version* each : {&old_version, &new_version}) Await(*each, 100);
    journal::Journal journal = journal::Journal::Open(directory_);
    pg::ConnectOptions connect;
    connect.conninfo = url();
    arrow(run::Session{connect, plan_, journal, "secret"});
    for (Version* each : {&old_version, &new_version}) Await(*each, 100);
    accepted_ += old_version.accepted() + new_version.accepted();
    for (Version* each : {&old_version, &new_version}) Expect(each->Stop(), phase);
  }

  release::Release release_;
  plan::Plan plan_;
  std::filesystem::path directory_;
  int accepted_ = 0;
};

TEST_P(ArrowsTest, NoAcknowledgedWriteIsLost) {
  using plan::Phase;
  const auto forward = [this](Phase phase) {
    Along("forward", phase, [phase](const run::Session& s) { run::RunTo(s, phase); });
  };
  const auto back = [this](Phase phase) { Along("back", phase, [phase](const run::Session& s) { UndoTo(s, phase); }); };
  for (int round = 1; round <= 2; ++round) {
    SCOPED_TRACE(round);
    for (const Phase phase : {Phase::kExpand, Phase::kMigrate, Phase::kSwitch, Phase::kContract}) forward(phase);
    for (const Phase phase : {Phase::kSwitch, Phase::kMigrate, Phase::kExpand, Phase::kStart}) back(phase);
    forward(Phase::kContract);
    back(Phase::kStart);
  }
  forward(Phase::kPurge);
  EXPECT_GT(accepted_, 1000);
}

INSTANTIATE_TEST_SUITE_P(Every, ArrowsTest, testing::ValuesIn(kChanges),
                         [](const auto& change) { return change.param.name; });

}  // namespace
}  // namespace recover
