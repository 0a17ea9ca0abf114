#include <fmt/core.h>
#include <gmock/gmock.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/error.h"
#include "recover/salvage_story.h"

namespace recover {
namespace {

class CutOverTest : public SalvageStory {};

// An application that writes all the time, to two tables in one transaction.
class Application {
 public:
  // `settings`: what its sessions set before.
  Application(std::string url, std::int64_t first, std::string settings)
      : url_(std::move(url)), next_(first), settings_(std::move(settings)), thread_([this] { Work(); }) {}
  ~Application() { Stop(); }
  Application(const Application&) = delete;

  // Of those orders the server said that they are there.
  const std::vector<std::int64_t>& Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return acknowledged_;
  }
  [[nodiscard]] const std::set<std::string>& refused() const { return refused_; }
  [[nodiscard]] int written() const { return written_; }
  void AwaitMore(int more) const {
    for (const int enough = written_ + more; written_ < enough;)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  void AwaitRefusal() const {
    while (!was_refused_) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }

 private:
  void Work() {
    std::optional<pg::Connection> connection;
    for (; !stop_; ++next_) {
      try {
        if (!connection) {
          connection.emplace(pg::Connection::Open({.conninfo = url_, .application_name = "shop"}));
          connection->Exec(settings_);
        }
        connection->Exec(
            fmt::format("BEGIN READ WRITE; INSERT INTO public.orders (id, customer, total) VALUES ({}, 1, 1);"
                        "UPDATE public.customer SET balance = balance + 1 WHERE id = 1; COMMIT",
                        next_));
        acknowledged_.push_back(next_);
        ++written_;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      } catch (const base::Error& error) {
        refused_.insert(error.sqlstate());
        was_refused_ = true;
        connection.reset();
      }
    }
  }

  std::string url_;
  std::int64_t next_;
  std::string settings_;
  std::vector<std::int64_t> acknowledged_;
  std::set<std::string> refused_;
  std::atomic<int> written_{0};
  std::atomic<bool> was_refused_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST_F(CutOverTest, LosesNoTransactionUnderLoad) {
  Migration("UPDATE public.customer SET balance = balance * 1000 WHERE id > 10");
  Application application(url_, 1000, "SELECT 1");
  Application privileged(url_, 1000000, "SET session_replication_role = replica");
  source_.Exec("INSERT INTO public.keyless VALUES ('thrice'), (NULL)");
  const std::string url = Restore();
  auto idle = pg::Connection::Open({.conninfo = url_, .application_name = "shop"});
  idle.Exec("BEGIN; INSERT INTO public.keyless VALUES ('never committed')");
  journal::Journal journal = journal::Journal::Open(state_);
  salvage::Patience patience{{.lock_timeout = std::chrono::milliseconds(300), .retries = 0}};
  try {
    CutOver(Options(), patience, url, journal);
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kLockTimeout);
    EXPECT_THAT(error.detail(), testing::HasSubstr(std::to_string(idle.BackendPid())));
  }
  application.AwaitMore(3);  // nothing of the fence is left
  privileged.AwaitMore(3);

  patience =
      salvage::Patience{{.lock_timeout = std::chrono::milliseconds(500), .retries = 5}, std::chrono::milliseconds(100)};
  const CutOverReport done = CutOver(Options(), patience, url, journal);
  ASSERT_EQ(done.fence.ended.size(), 1U);
  EXPECT_EQ(done.fence.ended[0].at("pid"), idle.BackendPid());
  EXPECT_TRUE(done.fence.open.empty());
  EXPECT_EQ(done.fence.tables, 7);
  application.AwaitRefusal();
  privileged.AwaitRefusal();

  // All that was acknowledged is there, and both servers have the same but for what the migration did.
  auto restored = made_.Connect(url);
  const auto acknowledged = static_cast<std::int64_t>(application.Stop().size() + privileged.Stop().size());
  EXPECT_EQ(restored.Query("SELECT count(*) FROM public.orders WHERE id >= 1000").Int(0, 0), acknowledged);
  EXPECT_EQ(restored.Query("SELECT balance FROM public.customer WHERE id = 1").Int(0, 0), 100 + acknowledged);
  EXPECT_EQ(done.salvaged.report.account.applications, acknowledged + 1);
  EXPECT_EQ(done.salvaged.report.Applied(), 2 * acknowledged + 2);
  EXPECT_EQ(application.refused(), std::set<std::string>{"25006"});
  EXPECT_EQ(privileged.refused(), std::set<std::string>{"25006"});
  const std::string settled = Look(restored);

  // Nothing writes to the old server, by whatever way; everybody reads, and the journal's mirror can be written.
  for (const char* sql :
       {"INSERT INTO public.entry_1 VALUES ('2026-05-01', 1, '')", "UPDATE public.entry SET line = ''",
        "DELETE FROM public.keyless", "TRUNCATE public.cut", "COPY public.cut FROM PROGRAM 'echo 1'",
        "INSERT INTO public.cut VALUES (1) ON CONFLICT DO NOTHING"}) {
    try {
      source_.Exec(sql);
      ADD_FAILURE() << sql;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.sqlstate(), "25006") << error.what();
    }
  }
  EXPECT_NO_THROW(Look(source_));
  EXPECT_NO_THROW(source_.Exec("INSERT INTO switchback.journal VALUES ('other', 1, '{}')"));

  // Once more, with nothing to do; then lifted, and what is written then is carried over as well.
  EXPECT_EQ(CutOver(Options(), patience, url, journal).salvaged.report.Applied(), 2 * acknowledged + 2);
  EXPECT_EQ(LiftFence({.conninfo = url_}, patience, journal), 7);
  EXPECT_EQ(LiftFence({.conninfo = url_}, patience, journal), 0);
  source_.Exec(
      "UPDATE public.customer SET balance = 0 WHERE id <= 10; UPDATE public.customer SET name = 'again' WHERE id > 18;"
      "DELETE FROM public.orders WHERE id = 1000; UPDATE public.orders SET id = 7000000, code = 'moved' WHERE id = "
      "1001; INSERT INTO public.keyless VALUES ('thrice')");
  const SalvageReport later = CutOver(Options(), patience, url, journal).salvaged;
  EXPECT_EQ(later.report.Applied(), 2 * acknowledged + 17);
  EXPECT_EQ(later.report.account.applications, acknowledged + 2);
  EXPECT_NE(Look(restored), settled);
  source_.Exec("ALTER TABLE public.customer DISABLE TRIGGER switchback_fence");
  source_.Exec("UPDATE public.customer SET balance = 100 WHERE id > 10");
  EXPECT_EQ(Look(restored), Look(source_));
}

}  // namespace
}  // namespace recover
