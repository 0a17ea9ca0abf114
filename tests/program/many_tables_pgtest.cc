// What a release costs does not go by the tables that it does not touch: no command sends a statement for each of them,
// and none names them in more statements where there are more of them.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "needs_programs.h"
#include "served_project.h"

namespace {

namespace fs = std::filesystem;

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

constexpr int kFew = 5;
constexpr int kMany = 300;
// Stands before each entry of the server's log, with the name of the application.
constexpr const char* kPrefix = "@@%a@@";
constexpr std::string_view kOurs = "@@switchback";

struct Sent {
  int statements = 0;
  std::map<std::string, int> of_others;  // statements that name a foreign table, by their beginning
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Reads what was logged of the program's sessions.
class Statements {
 public:
  Statements(pg::Connection connection, fs::path log) : connection_(std::move(connection)), log_(std::move(log)) {
    connection_.Exec(fmt::format("ALTER SYSTEM SET log_line_prefix = '{}'", kPrefix));
    connection_.Exec("ALTER SYSTEM SET log_statement = 'all'");
    connection_.Exec("SELECT pg_reload_conf()");
    const pg::Result oids = connection_.Exec("SELECT oid FROM pg_class WHERE relname ~ '^foreign_[0-9]+$'");
    for (int i = 0; i < oids.rows(); ++i) oids_.insert(oids.Text(i, 0));
    while (connection_.Exec("SHOW log_statement").Text(0, 0) != "all") {
    }
    Read();
  }

  // Since the last time.
  Sent Read() {
    const std::string text = base::ReadFile(log_);
    Sent sent;
    std::string statement;
    for (std::size_t at = text.find("@@", from_); at != std::string::npos;) {
      const std::size_t end = text.find("\n@@", at);
      const std::string entry = text.substr(at, end == std::string::npos ? end : end - at);
      if (entry.starts_with(kOurs)) Add(entry, statement, sent);
      at = end == std::string::npos ? end : end + 1;
    }
    from_ = text.size();
    return sent;
  }

 private:
  // The parameters of a statement are an entry of their own, behind it.
  void Add(const std::string& entry, std::string& statement, Sent& sent) const {
    constexpr std::size_t kShown = 100;
    if (entry.find("LOG:") != std::string::npos) {
      statement = entry.substr(entry.find("LOG:"), kShown);
      ++sent.statements;
    }
    if (NamesOther(entry)) ++sent.of_others[statement];
  }

  // By name, or by OID as a value of its own or in a list.
  [[nodiscard]] bool NamesOther(const std::string& entry) const {
    if (entry.find("foreign_1") != std::string::npos || entry.find("foreign_2") != std::string::npos) return true;
    constexpr std::string_view kBefore = "'{,";
    constexpr std::string_view kBehind = "'},";
    for (auto at = std::ranges::find_if(entry, IsDigit); at != entry.end();) {
      const auto end = std::find_if_not(at, entry.end(), IsDigit);
      const bool whole = at != entry.begin() && kBefore.find(at[-1]) != std::string_view::npos && end != entry.end() &&
                         kBehind.find(*end) != std::string_view::npos;
      if (whole && oids_.contains(std::string(at, end))) return true;
      at = std::find_if(end, entry.end(), IsDigit);
    }
    return false;
  }

  pg::Connection connection_;
  fs::path log_;
  std::set<std::string> oids_;
  std::size_t from_ = 0;
};

// A release through all its commands, beside so many tables of others.
class Life {
 public:
  explicit Life(int others) {
    std::string sql =
        "CREATE TABLE public.orders(id int PRIMARY KEY, total int);"
        "INSERT INTO public.orders SELECT g, g FROM generate_series(1, 50) AS g;";
    for (int i = 1; i <= others; ++i)
      sql += fmt::format("CREATE TABLE public.foreign_{}(id int PRIMARY KEY, t text);", i);
    project_.Connect().Exec(sql);
    project_.MakeRelease("wider", "ALTER TABLE public.orders ALTER COLUMN total TYPE bigint;");
    server_.emplace(project_.Connect(), project_.server().data().string() + ".log");
  }

  std::map<std::string, Sent> Live() {
    for (const char* phase : {"plan", "checkpoint", "gate", "expand", "migrate", "status", "switch", "contract"})
      Do({phase, "wider"});
    Do({"watch", "wider", "--once"});
    Do({"diagnose", "wider"});
    Do({"rollback", "wider", "--to", "switch"});
    Do({"rollback", "wider", "--to", "start"});
    Do({"run", "wider"});
    project_.Connect().Exec("UPDATE public.orders SET total = 0 WHERE id = 1");
    const base::Json restored = Do({"restore", "wider"});
    const std::string data = restored["result"]["directory"].get<std::string>() + "/data";
    pg::Connection copy = pg::Connection::Open({.conninfo = restored["result"]["url"]});
    copy_.emplace(std::move(copy), data + ".log");
    Do({"restore", "wider", "--cut-over"});
    Do({"restore", "wider", "--lift-fence"});
    Do({"rollback", "wider"});
    Do({"close", "wider"});
    Do({"uninstall"});
    return std::move(sent_);
  }

 private:
  base::Json Do(const std::vector<std::string>& words) {
    base::Json said = project_.On(words);
    EXPECT_EQ(said["exit"], 0) << said.dump(2);
    std::string command = fmt::format("{}", sent_.size());
    for (const std::string& word : words) command += " " + word;
    sent_[command] = server_->Read();
    EXPECT_GT(sent_[command].statements, 0) << command;
    if (copy_) sent_[command + " (on the restored server)"] = copy_->Read();
    return said;
  }

  test::ServedProject project_;
  std::optional<Statements> server_;
  std::optional<Statements> copy_;
  std::map<std::string, Sent> sent_;
};

TEST(ManyTables, NoCommandGoesByThoseThatAReleaseDoesNotTouch) {
  const std::map<std::string, Sent> few = Life(kFew).Live();
  const std::map<std::string, Sent> many = Life(kMany).Live();
  for (const auto& [command, sent] : many) {
    const Sent& before = few.at(command);
    EXPECT_EQ(sent.of_others, before.of_others) << command;
    // What waits for something asks again by the clock, so this is no exact number.
    EXPECT_LT(sent.statements, before.statements + (kMany - kFew) / 2) << command;
  }
}

}  // namespace
