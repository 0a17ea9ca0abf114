#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <thread>

#include "base/error.h"
#include "pg/connection.h"
#include "pg/conninfo.h"
#include "pg/quote.h"
#include "postgres_test.h"

namespace pg {
namespace {

using base::Changed;
using base::Code;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

// What `action` throws.
base::Error Caught(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {Code::kInternal, "nothing was thrown"};
}

class ConnectionTest : public test::PostgresTest {};

TEST_F(ConnectionTest, ValuesComeBackAsTheyWent) {
  auto connection = Connect();
  const std::string hostile = "it's \\ \"quoted\" $1 $$ ü\n";
  const auto result = connection.Query("SELECT $1::text AS t, $2::int8, $3::bool, 1.5::float8, NULL::text",
                                       {hostile, "-9223372036854775808", "t"});
  ASSERT_EQ(result.rows(), 1);
  ASSERT_EQ(result.columns(), 5);
  EXPECT_EQ(result.ColumnName(0), "t");
  EXPECT_EQ(result.Text(0, 0), hostile);
  EXPECT_EQ(result.Int(0, 1), INT64_MIN);
  EXPECT_TRUE(result.Bool(0, 2));
  EXPECT_EQ(result.Double(0, 3), 1.5);
  EXPECT_TRUE(result.IsNull(0, 4));
  EXPECT_EQ(result.Optional(0, 4), std::nullopt);
  EXPECT_EQ(Caught([&] { (void)result.Int(0, 0); }).code(), Code::kInternal);
  EXPECT_EQ(Caught([&] { (void)result.Text(1, 0); }).code(), Code::kInternal);
  EXPECT_EQ(Caught([&] { connection.Exec(std::string("SELECT 1\0; DROP TABLE t", 23)); }).code(),
            Code::kStatementFailed);
}

TEST_F(ConnectionTest, HostileNamesAndLiteralsMeanThemselves) {
  auto connection = Connect();
  const std::vector<std::string> names = {"user", "Sel\"ect",           "a b.c", "o'x\\", "$sb$",
                                          "Ünï☃", std::string(63, 'x'), "\"",    "--"};
  for (const auto& name : names) {
    connection.Exec("CREATE SCHEMA " + Ident(name) + "; CREATE TABLE " + Ident(name, name) + " (" + Ident(name) +
                    " text DEFAULT " + Literal(name) + "); INSERT INTO " + Ident(name, name) + " DEFAULT VALUES");
    EXPECT_EQ(connection.Exec("SELECT " + Ident(name) + " FROM " + Ident(name, name)).Text(0, 0), name);
    EXPECT_EQ(connection.Query("SELECT count(*) FROM pg_class WHERE relname = $1", {name}).Int(0, 0), 1) << name;
    EXPECT_EQ(connection.Exec("SELECT " + DollarQuote(name + "$sb")).Text(0, 0), name + "$sb");
  }
  connection.Exec("SET standard_conforming_strings = off");
  EXPECT_EQ(connection.Exec("SELECT" + Literal("o'x\\")).Text(0, 0), "o'x\\");
}

TEST_F(ConnectionTest, SessionIsPinned) {
  {
    auto administrator = Connect();
    const auto database = administrator.Exec("SELECT current_database()").Text(0, 0);
    for (const char* setting : {"DateStyle = 'German'", "search_path = public", "quote_all_identifiers = on",
                                "TimeZone = 'Asia/Tokyo'", "jit = on"}) {
      administrator.Exec("ALTER DATABASE " + Ident(database) + " SET " + setting);
    }
  }
  auto connection = Connect("who is it");
  const auto shown = connection.Exec(
      "SELECT '2020-01-02 03:04:05+00'::timestamptz::text, current_setting('search_path'), "
      "current_setting('application_name'), "
      "quote_ident('a'), current_setting('client_encoding'), current_setting('jit')");
  EXPECT_EQ(shown.Text(0, 0), "2020-01-02 03:04:05+00");
  EXPECT_EQ(shown.Text(0, 1), "pg_catalog, pg_temp");
  EXPECT_EQ(shown.Text(0, 2), "who is it");
  EXPECT_EQ(shown.Text(0, 3), "a");
  EXPECT_EQ(shown.Text(0, 4), "UTF8");
  EXPECT_EQ(shown.Text(0, 5), "off");
}

TEST_F(ConnectionTest, ServerErrorsKeepStatePlaceAndHint) {
  auto connection = Connect();
  connection.Exec("CREATE TABLE public.users (name text)");
  const auto error = Caught([&] { connection.Exec("SELECT 'ü',\n  nam FROM public.users"); });
  EXPECT_EQ(error.code(), Code::kStatementFailed);
  EXPECT_EQ(error.sqlstate(), "42703");
  EXPECT_EQ(error.target_changed(), Changed::kNo);
  EXPECT_THAT(error.message(), HasSubstr("column \"nam\" does not exist"));
  EXPECT_THAT(error.detail(), HasSubstr("LINE 2:   nam FROM public.users\n          ^"));
  EXPECT_THAT(error.detail(), HasSubstr("HINT: "));
  EXPECT_EQ(connection.Exec("SELECT 1").Int(0, 0), 1);  // the session goes on
}

TEST_F(ConnectionTest, SqlstatesBecomeCodes) {
  auto connection = Connect();
  auto raise = [&](const std::string& sqlstate) {
    return Caught([&] { connection.Exec("DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '" + sqlstate + "'; END$$"); })
        .code();
  };
  EXPECT_EQ(raise("40P01"), Code::kDeadlock);
  EXPECT_EQ(raise("40001"), Code::kDeadlock);
  EXPECT_EQ(raise("42501"), Code::kPrivilege);
  EXPECT_EQ(raise("28000"), Code::kAuthentication);
  EXPECT_EQ(raise("08006"), Code::kConnectionLost);
  EXPECT_EQ(raise("23505"), Code::kStatementFailed);
}

TEST_F(ConnectionTest, LockAndStatementTimeouts) {
  auto holder = Connect();
  holder.Exec("CREATE TABLE public.t ()");
  holder.Exec("BEGIN; LOCK TABLE public.t");
  auto connection = Connect();
  connection.SetLockTimeout(50ms);
  EXPECT_EQ(Caught([&] { connection.Exec("LOCK TABLE public.t"); }).sqlstate(), "25P01");
  EXPECT_EQ(Caught([&] { connection.Exec("SELECT * FROM public.t"); }).code(), Code::kLockTimeout);
  connection.SetStatementTimeout(50ms);
  EXPECT_EQ(Caught([&] { connection.Exec("SELECT pg_sleep(60)"); }).code(), Code::kDeadline);
}

TEST_F(ConnectionTest, CancelFromAnotherThreadIsAnInterruption) {
  auto connection = Connect();
  auto watcher = Connect();
  std::thread canceller([&] {
    while (watcher
               .Query("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'",
                      {std::to_string(connection.BackendPid())})
               .rows() == 0) {
    }
    connection.Cancel();
  });
  const auto error = Caught([&] { connection.Exec("SELECT pg_sleep(60)"); });
  canceller.join();
  EXPECT_EQ(error.code(), Code::kInterrupted);
  EXPECT_FALSE(connection.Broken());
}

TEST_F(ConnectionTest, ClientGivesUpWhenTheServerKeepsRunning) {
  auto connection = Connect();
  connection.SetStatementTimeout(100ms);
  // The server's own limit is lifted behind the client's back.
  const auto error = Caught([&] { connection.Exec("SET statement_timeout = 0; COMMIT; SELECT pg_sleep(60)"); });
  EXPECT_EQ(error.code(), Code::kDeadline);
  EXPECT_FALSE(connection.Broken());  // it did answer the cancellation
}

TEST_F(ConnectionTest, EndedSessionIsALostConnection) {
  auto connection = Connect();
  auto killer = Connect();
  killer.Query("SELECT pg_terminate_backend($1, 5000)", {std::to_string(connection.BackendPid())});
  const auto error = Caught([&] { connection.Exec("SELECT 1"); });
  EXPECT_EQ(error.code(), Code::kConnectionLost);
  EXPECT_EQ(error.target_changed(), Changed::kUnknown);
  EXPECT_TRUE(connection.Broken());

  auto in_transaction = Connect();
  in_transaction.Exec("BEGIN");
  killer.Query("SELECT pg_terminate_backend($1, 5000)", {std::to_string(in_transaction.BackendPid())});
  EXPECT_EQ(Caught([&] { in_transaction.Exec("SELECT 1"); }).target_changed(), Changed::kNo);
}

TEST_F(ConnectionTest, CopyIsRefusedAndTheSessionGoesOn) {
  auto connection = Connect();
  connection.Exec("CREATE TABLE public.t (a int)");
  EXPECT_EQ(Caught([&] { connection.Exec("COPY public.t FROM STDIN"); }).code(), Code::kStatementFailed);
  connection.Exec("COPY (SELECT generate_series(1, 10000)) TO STDOUT");
  EXPECT_EQ(connection.Exec("SELECT count(*) FROM public.t").Int(0, 0), 0);
}

TEST_F(ConnectionTest, NoticesReachTheHandler) {
  auto connection = Connect();
  std::string seen;
  connection.OnNotice([&](std::string_view severity, std::string_view message) {
    seen = std::string(severity) + ": " + std::string(message);
  });
  connection.Exec("DO $$BEGIN RAISE WARNING 'look out'; END$$");
  EXPECT_EQ(seen, "WARNING: look out");
}

TEST_F(ConnectionTest, CheckPreparesFindsMistakes) {
  auto connection = Connect();
  connection.CheckPrepares("SELECT relname FROM pg_class WHERE oid = $1");
  EXPECT_EQ(Caught([&] { connection.CheckPrepares("SELECT nothing_like_it FROM pg_class"); }).sqlstate(), "42703");
}

TEST_F(ConnectionTest, FailedConnectionsSayWhy) {
  const auto no_database = Caught([&] { Connection::Open({.conninfo = WithDatabase(url(), "there is none")}); });
  EXPECT_EQ(no_database.code(), Code::kUnknownDatabase);
  EXPECT_EQ(no_database.sqlstate(), "3D000");
  EXPECT_THAT(no_database.detail(), HasSubstr("database \"there is none\" does not exist"));
  EXPECT_THAT(no_database.detail(), Not(HasSubstr(".c:")));
  const auto nobody_there = Caught([&] { Connection::Open({.conninfo = "host=/nonexistent password=s3cret"}); });
  EXPECT_EQ(nobody_there.code(), Code::kUnreachable);
  EXPECT_THAT(nobody_there.Text(), Not(HasSubstr("s3cret")));
}

// A socket on 127.0.0.1 to which connections can be made no more: its queue is full.
class DeadPort {
 public:
  DeadPort() {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    auto* generic = reinterpret_cast<sockaddr*>(&address_);
    EXPECT_TRUE(::bind(sockets_[0], generic, size) == 0 && ::listen(sockets_[0], 0) == 0 &&
                ::getsockname(sockets_[0], generic, &size) == 0);
    for (std::size_t i = 1; i < sockets_.size(); ++i) ::connect(sockets_[i], generic, size);
  }
  ~DeadPort() {
    for (const int fd : sockets_) ::close(fd);
  }
  [[nodiscard]] std::string port() const { return std::to_string(ntohs(address_.sin_port)); }

 private:
  static int Socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); }
  std::array<int, 4> sockets_{Socket(), Socket(), Socket(), Socket()};
  sockaddr_in address_{};
};

TEST_F(ConnectionTest, DeadAddressIsGivenUpForTheNextOne) {
  const DeadPort dead;
  const auto options = ParseConninfo(url());
  const ConnectOptions only_dead{.conninfo = "host=127.0.0.1 port=" + dead.port(), .connect_timeout = 300ms};
  EXPECT_EQ(Caught([&] { Connection::Open(only_dead); }).code(), Code::kUnreachable);
  auto both = options;
  both["host"] = "127.0.0.1," + options.at("host");
  both["port"] = dead.port() + "," + options.at("port");
  auto connection = Connection::Open({.conninfo = FormatConninfo(both), .connect_timeout = 300ms});
  EXPECT_EQ(connection.Exec("SELECT current_database()").Text(0, 0), options.at("dbname"));
}

}  // namespace
}  // namespace pg
