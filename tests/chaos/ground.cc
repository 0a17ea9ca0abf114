#include "ground.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace chaos {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::milliseconds kLongest = std::chrono::minutes(3);

fs::path Beside(const fs::path& output) { return output.string() + ".said"; }

}  // namespace

std::string Ended::Next() const {
  const auto next = envelope.find("next");
  return next != envelope.end() && next->is_string() ? next->get<std::string>() : "";
}

std::string Ended::Text() const {
  std::string text = fmt::format("switchback {} -> {}", fmt::join(words, " "), exit);
  if (const base::Json error = envelope.value("error", base::Json()); error.is_object()) {
    text += fmt::format(" {} {}", error.value("code", ""), error.value("message", ""));
    if (const base::Json detail = error.value("detail", base::Json()); detail.is_string()) {
      text += " [" + detail.get<std::string>() + "]";
    }
  }
  if (!Next().empty()) text += "; next: " + Next();
  return text;
}

Ended Running::Wait() {
  Ended ended{.words = words_, .envelope = base::Json::object(), .said = {}};
  const std::optional<int> exit = child_.Wait(kLongest);
  if (!exit) {
    child_.Signal(SIGKILL);
    child_.Wait(std::chrono::seconds(10));
  }
  ended.exit = exit.value_or(-1);
  const base::Json envelope =
      base::Json::parse(base::ReadFileIfExists(output_).value_or(""), nullptr, /*allow_exceptions=*/false);
  if (envelope.is_object()) ended.envelope = envelope;
  ended.said = base::ReadFileIfExists(Beside(output_)).value_or("");
  return ended;
}

Ground::Ground(const World& world) {
  const auto account = sandbox::ServerAccount();
  for (const char* folder : {"backups", "tmp"}) {
    base::RunOrThrow({.argv = {"mkdir", (root() / folder).string()}, .cwd = "/", .account = account});
  }
  sandbox::ServerOptions options;
  options.binaries = sandbox::FindBinaries();
  options.data = root() / "data";
  options.account = account;
  options.settings = {{"fsync", "off"}, {"autovacuum", "off"}, {"shared_buffers", "16MB"}, {"log_min_messages", "log"}};
  server_.emplace(sandbox::Server::Initialize(options));
  server_->Start();
  pg::Connection::Open({.conninfo = server_->Url()}).Exec("CREATE DATABASE shop");
  auto connection = Connect();
  connection.Exec("SET search_path = public;" + world.schema);
  MakeProject(world);
  const Ended made = Run({"init", "--apply", "--repository", repository().string()});
  if (made.exit != 0) throw base::Error(base::Code::kInternal, made.Text());
  server_->Stop();
  server_->Start();
}

void Ground::MakeProject(const World& world) {
  for (const char* release : {kFirst, kSecond}) {
    const bool first = std::string(release) == kFirst;
    const fs::path directory = project() / "releases" / release;
    base::MakeDirectories(directory, 0755);
    base::WriteFile(directory / "change.sql", first ? world.change : world.second_change);
    std::string yaml = "version: 1\nowner: oncall@example.com\nrollback_window: 24h\nchange: change.sql\n";
    if (first && !world.transforms.empty()) yaml += "transforms:\n" + world.transforms;
    base::WriteFile(directory / "release.yaml", yaml);
  }
}

Running Ground::Start(const Words& words) {
  const fs::path output = root() / fmt::format("command-{:03}", ++commands_);
  // The shell gives way to the program, so that a signal is the program's; its two outputs are kept apart.
  base::Command command{.argv = {"sh", "-c", "exec \"$0\" \"$@\" 2>" + Beside(output).string(), SB_PROGRAM},
                        .cwd = project()};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  command.argv.emplace_back("--json");
  for (const char* name : {"SWITCHBACK_ENV", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER"}) {
    command.env[name] = "";
  }
  command.env["DATABASE_URL"] = url();
  command.env["TMPDIR"] = temporary().string();
  return {words, base::Child::Start(command, output), output};
}

fs::path Ground::State(const std::string& release) const { return project() / ".switchback/default" / release; }

std::vector<std::string> SchemaOf(pg::Connection& connection) {
  const pg::Result rows = connection.Exec(R"sql(
WITH named AS (
SELECT format('column %s.%I %s%s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
              CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END, pg_get_expr(adbin, adrelid)) AS line
  FROM pg_attribute a LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum JOIN pg_class c ON c.oid = attrelid
 WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped AND relnamespace = 'public'::regnamespace
UNION ALL
SELECT format('constraint %s %I %s%s', conrelid::regclass, conname, pg_get_constraintdef(oid),
              CASE WHEN convalidated THEN '' ELSE ' not validated' END)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't'
UNION ALL
SELECT pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' invalid' END
  FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
 WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace)
SELECT line FROM named WHERE line !~ 'sbr_' AND line !~ 'switchback_fence' ORDER BY line COLLATE "C")sql");
  std::vector<std::string> lines;
  for (int row = 0; row < rows.rows(); ++row) lines.push_back(rows.Text(row, 0));
  return lines;
}

std::string Differ(const std::vector<std::string>& expected, const std::vector<std::string>& found) {
  std::vector<std::string> missing;
  std::vector<std::string> more;
  std::ranges::set_difference(expected, found, std::back_inserter(missing));
  std::ranges::set_difference(found, expected, std::back_inserter(more));
  if (missing.empty() && more.empty()) return "";
  return fmt::format("the schema is not as expected; missing:\n    {}\n  and not expected:\n    {}",
                     fmt::join(missing, "\n    "), fmt::join(more, "\n    "));
}

}  // namespace chaos
