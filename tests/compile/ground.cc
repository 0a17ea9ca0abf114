#include "ground.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <regex>
#include <sstream>
#include <variant>

#include "base/digest.h"
#include "base/error.h"
#include "base/process.h"
#include "catalog/read.h"
#include "pg/quote.h"
#include "pg/transaction.h"
#include "release/release.h"
#include "run/images.h"
#include "sandbox/server.h"
#include "sql/parse.h"

namespace compile {
namespace {

pg::Connection Connect(const std::string& url) {
  return pg::Connection::Open({.conninfo = url, .application_name = "test"});
}

std::vector<std::string> StatementsOf(const std::string& change) {
  std::vector<std::string> texts;
  int last = 0;
  const sql::Parsed parsed = sql::Parse(change);
  for (const sql::Action& action : std::get<std::vector<sql::Action>>(parsed)) {
    if (action.statement != last) texts.push_back(action.text);
    last = action.statement;
  }
  return texts;
}

bool Holds(pg::Connection& connection, const std::string& question) {
  if (question.empty()) return true;
  const auto answer = connection.Exec(question);
  return answer.rows() == 1 && !answer.IsNull(0, 0) && answer.Bool(0, 0);
}

void RunStatements(pg::Connection& connection, const std::vector<plan::Statement>& statements) {
  for (const plan::Statement& statement : statements) {
    if (Holds(connection, statement.only_if)) connection.Exec(statement.sql);
  }
}

void RunStep(pg::Connection& connection, const plan::Step& step) {
  const std::string path = step.search_path.empty() ? "pg_catalog, pg_temp" : step.search_path;
  if (step.kind == plan::StepKind::kConcurrent) {
    connection.Exec("SET search_path = " + path);
    const bool there = !step.postcondition.sql.empty() && Holds(connection, step.postcondition.sql);
    if (!there) RunStatements(connection, step.forward);
    return;
  }
  pg::Transaction transaction(connection);
  connection.Exec("SET LOCAL search_path = " + path);
  if (!Holds(connection, step.precondition.sql)) throw std::runtime_error("refused: " + step.precondition.text);
  if (step.data) connection.Exec("SET LOCAL switchback.capture = " + pg::Literal(step.data->capture_id));
  if (const auto& fill = step.backfill) {
    connection.Exec(
        fmt::format("SET LOCAL session_replication_role = replica; SET LOCAL switchback.bypass = 'on'; UPDATE {} AS t "
                    "SET {} = ({}) "
                    "WHERE ({})",
                    fill->table.Sql(), pg::Ident(fill->column), fill->value, fill->pending));
  }
  RunStatements(connection, step.forward);
  if (!Holds(connection, step.postcondition.sql)) throw std::runtime_error("not so: " + step.postcondition.text);
  transaction.Commit();
}

void RunBack(pg::Connection& connection, const plan::Step& step) {
  const std::string path = step.search_path.empty() ? "pg_catalog, pg_temp" : step.search_path;
  std::optional<pg::Transaction> transaction;
  if (step.kind != plan::StepKind::kConcurrent) transaction.emplace(connection);
  connection.Exec("SET search_path = " + path);
  if (step.data && run::UndoData(connection, *step.data).kept != base::Json::array())
    throw std::runtime_error("rows were left alone");
  RunStatements(connection, *step.reverse);
  if (!Holds(connection, step.reverse_postcondition.sql))
    throw std::runtime_error("not so: " + step.reverse_postcondition.text);
  if (transaction) transaction->Commit();
}

std::string Schema(const std::string& url) {
  static const std::string kPgDump = sandbox::FindBinaries().Program("pg_dump");
  const auto dumped =
      base::RunOrThrow({.argv = {kPgDump, "-s", "-N", "switchback", "-N", "switchback_retired", "-d", url}});
  std::vector<std::string> lines;
  std::istringstream in(dumped.out);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.starts_with("--") || line.starts_with("SET ") || line.starts_with("\\") ||
        line.starts_with("SELECT pg_catalog.set_config"))
      continue;
    if (line.ends_with(",")) line.pop_back();
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

std::string Rows(pg::Connection& connection) {
  const auto tables = connection.Exec(
      "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relkind IN "
      "('r', "
      "'m') AND nspname NOT IN ('pg_catalog', 'information_schema', 'switchback', 'switchback_retired') AND nspname !~ "
      "'^pg_' ORDER BY 1");
  std::string rows;
  for (int i = 0; i < tables.rows(); ++i) {
    const std::string table = tables.Text(i, 0);
    const auto found = connection.Exec(fmt::format(
        "SELECT coalesce(string_agg(to_jsonb(r)::text, E'\\n' ORDER BY to_jsonb(r)::text), '') FROM {} r", table));
    rows += fmt::format("{}\n{}\n", table, found.Text(0, 0));
  }
  return rows;
}

End EndOf(const std::string& url, pg::Connection& connection) {
  connection.Exec("SET search_path = pg_catalog");
  return {Schema(url), Rows(connection)};
}

std::string Difference(const std::string& plain, const std::string& planned) {
  const auto lines = [](const std::string& text) {
    std::vector<std::string> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) all.push_back(line);
    std::sort(all.begin(), all.end());
    return all;
  };
  const auto left = lines(plain);
  const auto right = lines(planned);
  std::vector<std::string> only;
  std::string text;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(only));
  for (const auto& line : only) text += "  expected only: " + line + "\n";
  only.clear();
  std::set_difference(right.begin(), right.end(), left.begin(), left.end(), std::back_inserter(only));
  for (const auto& line : only) text += "  found only:    " + line + "\n";
  return text;
}

}  // namespace

// A database that goes with the object.
class Ground::Copy {
 public:
  explicit Copy(const std::string& of) : administrator_(Connect(pg::WithDatabase(of, "postgres"))) {
    const std::string start = Connect(of).Exec("SELECT current_database()").Text(0, 0);
    name_ = "copy_" + base::RandomHex(6);
    administrator_.Exec(fmt::format("CREATE DATABASE {} TEMPLATE {}", name_, pg::Ident(start)));
    url_ = pg::WithDatabase(of, name_);
  }
  ~Copy() { administrator_.Exec(fmt::format("DROP DATABASE {} WITH (FORCE)", name_)); }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  pg::Connection administrator_;
  std::string name_;
  std::string url_;
};

plan::Plan Ground::Compiled(const std::string& change) {
  release::Release release;
  release.name = "20260101-pair";
  release.change_path = "change.sql";
  release.change_sql = change;
  const plan::Needs needs = plan::NeedsOf(release);
  auto connection = Connect(url_);
  return plan::Compile(release,
                       catalog::Read(connection, {needs.relations, needs.types, needs.statements, needs.functions}));
}

std::variant<End, Outcome> Ground::Plain(const std::string& change) {
  const Copy copy(url_);
  auto connection = Connect(copy.url());
  connection.Exec("SET search_path = public");
  try {
    for (const std::string& statement : StatementsOf(change)) connection.Exec(statement);
  } catch (const base::Error& error) {
    return Outcome{Outcome::Kind::kInvalid, "  " + error.Text() + "\n"};
  }
  return EndOf(copy.url(), connection);
}

Outcome Ground::Try(const std::string& change) {
  const auto done = Plain(change);
  if (const auto* invalid = std::get_if<Outcome>(&done)) return *invalid;
  const End& plain = std::get<End>(done);
  const plan::Plan plan = Compiled(change);
  if (!plan.blockers.empty()) {
    Outcome refused{Outcome::Kind::kRefused, ""};
    for (const plan::Blocker& blocker : plan.blockers)
      refused.text += fmt::format("  {}: {}\n", blocker.object, blocker.reason);
    return refused;
  }
  const Copy copy(url_);
  auto connection = Connect(copy.url());
  for (const plan::Step& step : plan.steps) {
    try {
      RunStep(connection, step);
    } catch (const std::exception& error) {
      return {Outcome::Kind::kStuck, fmt::format("  {} ({}): {}\n", step.id, step.title, error.what())};
    }
  }
  const End planned = EndOf(copy.url(), connection);
  if (planned == plain) return {Outcome::Kind::kEqual, ""};
  return {Outcome::Kind::kDiffers, Difference(plain.schema, planned.schema) + Difference(plain.rows, planned.rows)};
}

namespace {

// Without what an undo keeps until `close`: columns that have a name of the release's, and what hangs on them.
End AtStart(const End& end) {
  static const std::regex kColumn(R"(^    sbr_[^ ]* .*|.* COLUMN (public\.[a-z]+\.)?sbr_[^ ]* .*)");
  static const std::regex kMember(R"(, "sbr_[^"]*": (null|"[^"]*"|[^,}]*))");
  End start;
  std::istringstream lines(end.schema);
  for (std::string line; std::getline(lines, line);) {
    if (!std::regex_match(line, kColumn)) start.schema += line + "\n";
  }
  start.rows = std::regex_replace(end.rows, kMember, "");
  return start;
}

}  // namespace

Outcome Ground::ThereAndBack(const std::string& change) {
  const auto plain = Plain(change);
  if (const auto* invalid = std::get_if<Outcome>(&plain)) return *invalid;
  const plan::Plan plan = Compiled(change);
  if (!plan.blockers.empty()) return {Outcome::Kind::kRefused, ""};
  const Copy copy(url_);
  auto connection = Connect(copy.url());
  const End start = EndOf(copy.url(), connection);
  std::size_t at = 0;
  const auto go = [&](std::size_t to) {
    while (at < to) RunStep(connection, plan.steps[at++]);
    while (at > to) RunBack(connection, plan.steps[--at]);
  };
  std::size_t last = 0;
  while (last < plan.EndOf(plan::Phase::kContract) && plan.steps[last].reverse) ++last;
  for (std::size_t turn = 1; turn <= last; ++turn) {
    const std::string where = fmt::format("  back from {} ({})", plan.steps[turn - 1].id, plan.steps[turn - 1].title);
    try {
      go(turn);
      go(turn / 2);
      go(turn);
      go(0);
    } catch (const std::exception& error) {
      return {Outcome::Kind::kStuck, fmt::format("{}, at {}: {}\n", where, at, error.what())};
    }
    const End back = AtStart(EndOf(copy.url(), connection));
    if (back != start) {
      return {Outcome::Kind::kDiffers,
              where + "\n" + Difference(start.schema, back.schema) + Difference(start.rows, back.rows)};
    }
  }
  return {Outcome::Kind::kEqual, ""};
}

}  // namespace compile
