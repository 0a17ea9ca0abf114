#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "archiving_server.h"
#include "base/error.h"
#include "base/file.h"
#include "checkpoint/take.h"
#include "journal/tag.h"
#include "needs_programs.h"
#include "recover/restore.h"
#include "recover/salvage.h"

namespace recover {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSchema = R"(
CREATE TABLE public.customer(id int PRIMARY KEY, name text NOT NULL, note text, balance int NOT NULL DEFAULT 0);
CREATE TABLE public.orders(id serial PRIMARY KEY, customer int REFERENCES public.customer, total numeric NOT NULL,
                           made date GENERATED ALWAYS AS (DATE '2026-01-01' + 1) STORED, flag boolean, code text UNIQUE);
CREATE TABLE public.entry(at date, id int, line text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE public.entry_1 PARTITION OF public.entry FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE public.keyless(line text);
CREATE TABLE public.cut(id int PRIMARY KEY);
INSERT INTO public.customer SELECT g, 'name ' || g, repeat(md5(g::text), 200), 100 FROM generate_series(1, 20) AS g;
ALTER TABLE public.customer ALTER COLUMN note SET STORAGE EXTERNAL;
UPDATE public.customer SET note = note;
INSERT INTO public.orders (customer, total, flag, code) SELECT g, 10, true, 'c' || g FROM generate_series(1, 20) AS g;
INSERT INTO public.entry SELECT '2026-02-01', g, 'line' FROM generate_series(1, 5) AS g;
INSERT INTO public.keyless VALUES ('thrice'), (NULL);
)";

// What the applications left, without what the migration changed and no application did.
constexpr const char* kLook = R"(
SELECT string_agg(line, E'\n') FROM (
  SELECT 'customer ' || id || ' ' || name || ' ' || balance || ' ' || left(md5(note), 4) FROM public.customer
  UNION ALL SELECT 'order ' || id || ' ' || customer || ' ' || total || ' ' || coalesce(code, '-') FROM public.orders
  UNION ALL SELECT 'entry ' || at || ' ' || id || ' ' || line FROM public.entry
  UNION ALL SELECT 'keyless ' || coalesce(line, '-') FROM public.keyless ORDER BY 1) AS x(line)
)";

// customer.name becomes customer.title = upper(name), with a way back that spoils some names.
plan::Pair TitlePair() {
  plan::Pair pair;
  pair.table = {"public", "customer"};
  pair.old_name = "name";
  pair.new_name = "title";
  pair.old_type = pair.new_type = "text";
  pair.retired_old = "sbr_1a2b3c4d_1";
  pair.retired_new = "sbr_1a2b3c4d_2";
  pair.search_path = "public, pg_catalog";
  pair.up = {.function = "up_1a2b3c4d_1",
             .reads = {"name"},
             .types = {"text"},
             .target_type = "text",
             .expression = "upper(name)",
             .can_raise = true};
  pair.down = plan::Direction{.function = "down_1a2b3c4d_1",
                              .reads = {"title"},
                              .types = {"text"},
                              .target_type = "text",
                              .expression = "lower(title)",
                              .can_raise = true};
  return pair;
}

class SalvageTest : public testing::Test {
 protected:
  SalvageTest() : source_(made_.Connect(made_.server.Url())) {
    source_.Exec("CREATE DATABASE shop");
    url_ = made_.server.Url("shop");
    source_ = made_.Connect(url_);
    source_.Exec(kSchema);
    plan_.release = "20261122-name";
    plan_.hex = "1a2b3c4d";
    plan_.digest = "sha256:of-the-plan";
    plan_.tables = {{"public", "customer"}};
    plan_.pairs = {TitlePair()};
  }

  void SetUp() override {
    if (const auto missing = test::MissingPrograms(test::kBackupPrograms)) GTEST_SKIP() << *missing;
    journal::Journal journal = journal::Journal::Open(state_);
    checkpoint::Options options;
    options.conninfo = url_;
    options.state = state_;
    checkpoint::Take(plan_, options, made_.provider, journal);
  }

  void Migration(const std::string& sql) {
    const std::string tag = journal::MakeTag(journal::RunSecret(state_), {.release = plan_.release});
    source_.Exec(fmt::format("BEGIN; SELECT pg_logical_emit_message(true, 'switchback', {}); {}; COMMIT",
                             pg::Literal(tag), sql));
  }

  std::string Restore() {
    journal::Journal journal = journal::Journal::Open(state_);
    RestoreOptions options;
    options.conninfo = url_;
    options.state = state_;
    options.directory = made_.workspace.path() / "restored";
    return recover::Restore(options, made_.provider, journal).restored.url;
  }

  SalvageOptions Options() { return {.conninfo = url_, .state = state_, .plan = plan_}; }

  SalvageReport Salvage(const std::string& restored) {
    journal::Journal journal = journal::Journal::Open(state_);
    return recover::Salvage(Options(), restored, journal);
  }

  static std::string Look(pg::Connection& connection) { return connection.Query(kLook).Text(0, 0); }

  test::ArchivingServer made_;
  pg::Connection source_;
  std::string url_;
  plan::Plan plan_;
  fs::path state_ = made_.workspace.path() / "state";
};

// The kinds of the conflicts in a file, by table and key.
std::map<std::string, std::string> KindsIn(const fs::path& file) {
  std::map<std::string, std::string> kinds;
  const base::Json conflicts = base::Json::parse(base::ReadFile(file));
  for (const base::Json& conflict : conflicts.at("conflicts")) {
    kinds[fmt::format("{} {}", conflict.at("table")[1].get<std::string>(), conflict.at("key").dump())] =
        conflict.at("kind");
  }
  return kinds;
}

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

TEST_F(SalvageTest, CarriesOverWhatApplicationsWrote) {
  // Both columns stand, and a trigger keeps them in step, wrongly for the name of customer 9.
  Migration("ALTER TABLE public.customer ADD COLUMN title text");
  Migration(R"(CREATE FUNCTION public.step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.title IS DISTINCT FROM OLD.title AND NEW.name IS NOT DISTINCT FROM OLD.name THEN
      NEW.name := lower(NEW.title) || CASE NEW.id WHEN 9 THEN ' spoilt' ELSE '' END;
    ELSE NEW.title := upper(NEW.name); END IF; RETURN NEW; END $$;
    CREATE TRIGGER step BEFORE UPDATE ON public.customer FOR EACH ROW EXECUTE FUNCTION public.step())");
  Migration("UPDATE public.customer SET balance = balance * 1000 WHERE id <= 5");
  Migration("DELETE FROM public.orders WHERE id IN (15, 16)");
  Migration("INSERT INTO public.customer (id, name, note) VALUES (99, 'of the migration', '')");
  source_.Exec("UPDATE public.customer SET name = 'changed 1' WHERE id = 1");     // the balance stays restored
  source_.Exec("UPDATE public.customer SET balance = balance + 5 WHERE id = 2");  // a conflict
  source_.Exec("UPDATE public.customer SET balance = balance + 5 WHERE id = 7");  // big note not sent
  source_.Exec("UPDATE public.customer SET title = 'CHANGED 8' WHERE id = 8");    // through the new column
  source_.Exec("UPDATE public.customer SET title = 'CHANGED 9' WHERE id = 9");    // a conflict
  source_.Exec("UPDATE public.customer SET name = 'built' WHERE id = 99");        // a conflict
  source_.Exec("INSERT INTO public.customer VALUES (30, E'a\\tb\\\\\\n\"{}', NULL, 1, E'A\\tB\\\\\\n\"{}')");
  source_.Exec("INSERT INTO public.customer (id, name, title) VALUES (31, 'old', 'NEW')");  // a conflict
  source_.Exec("INSERT INTO public.customer (id, name, title) VALUES (32, 'old', 'NEW')");  // one of a row that is gone
  source_.Exec("DELETE FROM public.customer WHERE id = 32");
  source_.Exec("INSERT INTO public.orders (id, customer, total) VALUES (15, 1, 1)");  // a conflict
  source_.Exec("UPDATE public.orders SET id = 500, total = 11.50 WHERE id = 3");
  source_.Exec("INSERT INTO public.orders (id, customer, total) VALUES (3, 30, 3)");
  source_.Exec("DELETE FROM public.orders WHERE id = 4");
  source_.Exec("INSERT INTO public.orders (customer, total, flag, code) VALUES (5, 5, false, 'c4')");
  source_.Exec("BEGIN; DELETE FROM public.orders; ROLLBACK");
  source_.Exec(
      "BEGIN; UPDATE public.orders SET total = 20 WHERE id = 6; SAVEPOINT a; DELETE FROM public.orders; "
      "ROLLBACK TO a; COMMIT");
  source_.Exec(
      "UPDATE public.entry SET line = 'changed' WHERE id = 2; DELETE FROM public.entry WHERE id = 3;"
      "INSERT INTO public.entry VALUES ('2026-03-01', 1, 'new'); INSERT INTO public.keyless VALUES ('kept')");
  source_.Exec("INSERT INTO public.cut VALUES (1); TRUNCATE public.cut");

  const Loss loss = CountLoss(Options());
  EXPECT_EQ(loss.account.applications, 18);
  EXPECT_EQ(loss.account.alarms, 0);
  EXPECT_TRUE(loss.account.first <= loss.account.last);
  EXPECT_EQ((loss.account.tables.at({"public", "customer"}).updated), 6);

  const std::string url = Restore();
  auto restored = made_.Connect(url);
  const std::string without = Look(restored);
  const SalvageReport done = Salvage(url);
  const std::string with = Look(restored);
  EXPECT_NE(with, without);
  EXPECT_EQ(done.report.Applied() + done.report.InConflict() + done.report.Skipped(), done.report.account.Changes());
  EXPECT_EQ(done.report.Skipped(), 1) << "the TRUNCATE";
  EXPECT_EQ(done.report.later, 0);
  EXPECT_EQ(done.report.orphans, 0);
  EXPECT_EQ(KindsIn(done.conflicts), (std::map<std::string, std::string>{{R"(customer {"id":"2"})", "column"},
                                                                         {R"(customer {"id":"31"})", "out_of_step"},
                                                                         {R"(customer {"id":"32"})", "out_of_step"},
                                                                         {R"(customer {"id":"9"})", "out_of_step"},
                                                                         {R"(customer {"id":"99"})", "migrations_row"},
                                                                         {R"(orders {"id":"15"})", "deleted_row"}}));

  // Beside the conflicts, and without what the migration did, both servers are the same.
  source_.Exec(
      "SET session_replication_role = replica; DELETE FROM public.customer WHERE id IN (31, 99);"
      "UPDATE public.customer SET balance = 100 WHERE id <= 5; UPDATE public.customer SET name = 'name 9' WHERE id = 9;"
      "DELETE FROM public.orders WHERE id = 15; RESET session_replication_role");
  source_.Exec("INSERT INTO public.orders (id, customer, total, code) VALUES (15, 15, 10, 'c15'), (16, 16, 10, 'c16')");
  EXPECT_EQ(with, Look(source_));
  EXPECT_EQ(restored.Query("SELECT nextval('public.orders_id_seq') > 21").Text(0, 0), "t");

  // A person decides.
  base::Json file = base::Json::parse(base::ReadFile(done.conflicts));
  for (base::Json& conflict : file.at("conflicts")) {
    conflict["take"] = conflict.at("kind") == "column" ? base::Json({{"value", "105"}}) : base::Json("application");
    if (conflict.at("key").at("id") == "31") {
      EXPECT_EQ(conflict.at("application").at("name"), "old");
      EXPECT_EQ(conflict.at("new_columns"), base::Json({{"name", "NEW"}}));
    }
  }
  const fs::path decided = made_.workspace.path() / "decided.json";
  base::WriteFile(decided, file.dump());
  journal::Journal journal = journal::Journal::Open(state_);
  EXPECT_EQ(Resolve(Options(), url, decided, journal).applied, 6);
  const salvage::Resolved again = Resolve(Options(), url, decided, journal);
  EXPECT_EQ(again.applied, 0) << "once";
  EXPECT_EQ(again.before, 6);
  EXPECT_EQ(restored.Query("SELECT name FROM public.customer WHERE id = 31").Text(0, 0), "old");
  EXPECT_EQ(restored.Query("SELECT balance FROM public.customer WHERE id = 2").Text(0, 0), "105");
  EXPECT_EQ(restored.Query("SELECT name FROM public.customer WHERE id = 9").Text(0, 0), "changed 9 spoilt");
  EXPECT_EQ(restored.Query("SELECT name FROM public.customer WHERE id = 99").Text(0, 0), "built");
  EXPECT_EQ(restored.Query("SELECT total FROM public.orders WHERE id = 15").Text(0, 0), "1");

  // What applications write later is not in it.
  const std::string settled = Look(restored);
  source_.Exec("UPDATE public.customer SET note = 'later'");
  try {
    Salvage(LastRestored(state_, journal));
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kSalvageDone);
  }
  EXPECT_EQ(Look(restored), settled);
}

// Rows that the restored server refuses are conflicts, and hold up no others. Killed in the middle, it ends in the same
// state.
TEST_F(SalvageTest, GoesOnAfterAKill) {
  Migration("UPDATE public.orders SET code = 'free' WHERE id = 10");
  source_.Exec("INSERT INTO public.orders (customer, total, code) VALUES (1, 1, 'c10'), (2, 2, 'fine')");
  source_.Exec("UPDATE public.orders SET code = 'c2-' WHERE id = 2; UPDATE public.orders SET code = 'c2' WHERE id = 1");
  source_.Exec("UPDATE public.customer SET balance = balance + 1");
  const std::string url = Restore();
  for (const char* where : {"staging", "carrying over public.customer", "carrying over public.orders"}) {
    const pid_t child = ::fork();
    if (child == 0) {
      SalvageOptions options = Options();
      options.tell = [&](const std::string& text) {
        if (text.starts_with(where)) ::raise(SIGKILL);
      };
      try {
        journal::Journal journal = journal::Journal::Open(state_);
        recover::Salvage(options, url, journal);
      } catch (const std::exception&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << where;
  }
  const SalvageReport done = Salvage(url);
  auto restored = made_.Connect(url);
  EXPECT_EQ(restored.Query("SELECT min(balance), max(balance) FROM public.customer").Text(0, 0), "101");
  EXPECT_EQ(
      restored.Query("SELECT string_agg(code, ' ' ORDER BY id) FROM public.orders WHERE id < 3 OR id > 20").Text(0, 0),
      "c2 c2- fine");
  EXPECT_EQ(KindsIn(done.conflicts), (std::map<std::string, std::string>{{R"(orders {"id":"21"})", "refused"}}));
  EXPECT_EQ(done.report.InConflict(), 1);
  EXPECT_EQ(done.report.Applied() + done.report.InConflict(), done.report.account.Changes());
}

TEST_F(SalvageTest, CutsOverUnderLoadAndLosesNoTransaction) {
  Migration("UPDATE public.customer SET balance = balance * 1000 WHERE id > 10");
  Application application(url_, 1000, "SELECT 1");
  Application privileged(url_, 1000000, "SET session_replication_role = replica");
  source_.Exec("INSERT INTO public.keyless VALUES ('thrice'), (NULL)");
  const std::string url = Restore();
  auto idle = pg::Connection::Open({.conninfo = url_, .application_name = "shop"});
  idle.Exec("BEGIN; INSERT INTO public.keyless VALUES ('never committed')");
  journal::Journal journal = journal::Journal::Open(state_);
  salvage::Patience patience{.lock_timeout = std::chrono::milliseconds(300), .retries = 0};
  try {
    CutOver(Options(), patience, url, journal);
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kLockTimeout);
    EXPECT_THAT(error.detail(), testing::HasSubstr(std::to_string(idle.BackendPid())));
  }
  application.AwaitMore(3);  // nothing of the fence is left
  privileged.AwaitMore(3);

  patience = {
      .lock_timeout = std::chrono::milliseconds(500), .retries = 5, .end_after = std::chrono::milliseconds(100)};
  const CutOverReport done = CutOver(Options(), patience, url, journal);
  ASSERT_EQ(done.fence.ended.size(), 1U);
  EXPECT_EQ(done.fence.ended[0].at("pid"), idle.BackendPid());
  EXPECT_TRUE(done.fence.open.empty());
  EXPECT_EQ(done.fence.tables, 6);
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
  EXPECT_EQ(LiftFence(url_, patience, journal), 6);
  EXPECT_EQ(LiftFence(url_, patience, journal), 0);
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

// The server does not look at foreign keys while rows are carried over.
TEST_F(SalvageTest, TakesBackWhatLeavesARowThatRefersToNothing) {
  Migration("INSERT INTO public.customer (id, name) VALUES (99, 'of the migration')");
  Migration("UPDATE public.orders SET total = 1 WHERE id = 12");
  source_.Exec("UPDATE public.customer SET name = 'built' WHERE id = 99");
  source_.Exec("INSERT INTO public.orders (id, customer, total) VALUES (100, 99, 5), (101, 1, 7)");
  source_.Exec("UPDATE public.orders SET customer = 99, flag = false WHERE id = 13");
  source_.Exec("DELETE FROM public.orders WHERE id = 12; DELETE FROM public.customer WHERE id = 12");
  const std::string url = Restore();
  auto restored = made_.Connect(url);
  const auto orphans = [&] {
    return restored
        .Query(
            "SELECT count(*) FROM public.orders AS o WHERE NOT EXISTS (SELECT FROM public.customer WHERE id = "
            "o.customer)")
        .Int(0, 0);
  };
  const std::map<std::string, std::string> kinds = {{R"(customer {"id":"12"})", "foreign_key"},
                                                    {R"(customer {"id":"99"})", "migrations_row"},
                                                    {R"(orders {"id":"100"})", "foreign_key"},
                                                    {R"(orders {"id":"12"})", "changed_row"},
                                                    {R"(orders {"id":"13"})", "foreign_key"}};
  for (int time = 0; time < 2; ++time) {
    const SalvageReport done = Salvage(url);
    EXPECT_EQ(KindsIn(done.conflicts), kinds);
    EXPECT_EQ(done.report.orphans, 3);
    EXPECT_EQ(done.report.Applied(), 1) << "order 101";
    EXPECT_EQ(done.report.InConflict(), 5);
    EXPECT_EQ(done.report.tables.at({"public", "orders"}).updated, 0);
    EXPECT_EQ(orphans(), 0);
  }
  const std::string settled = Look(restored);
  EXPECT_THAT(settled, testing::HasSubstr("order 13 13 10"));

  // An order without its customer is refused, and so is a customer's deletion without that of the order.
  journal::Journal journal = journal::Journal::Open(state_);
  const base::Json file = base::Json::parse(base::ReadFile(state_ / "conflicts.json"));
  const fs::path decided = made_.workspace.path() / "decided.json";
  const auto take = [&](const std::set<std::string>& keys) {
    base::Json some = file;
    for (base::Json& conflict : some.at("conflicts")) {
      if (keys.count(conflict.at("key").at("id")) > 0) conflict["take"] = "application";
    }
    base::WriteFile(decided, some.dump());
    return Resolve(Options(), url, decided, journal).applied;
  };
  for (const std::set<std::string>& keys : {std::set<std::string>{"100"}, std::set<std::string>{"13"}}) {
    try {
      take(keys);
      ADD_FAILURE();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kBadResolutions);
    }
  }
  EXPECT_EQ(Look(restored), settled);
  EXPECT_EQ(take({"100", "12", "13", "99"}), 5);
  EXPECT_EQ(orphans(), 0);
  EXPECT_EQ(
      restored.Query("SELECT string_agg(id || ' ' || name, ', ' ORDER BY id) FROM public.customer WHERE id IN (12, 99)")
          .Text(0, 0),
      "99 built");
  EXPECT_EQ(
      restored.Query("SELECT string_agg(customer::text, ' ' ORDER BY id) FROM public.orders WHERE id IN (12, 13, 100)")
          .Text(0, 0),
      "99 99");
}

}  // namespace
}  // namespace recover
