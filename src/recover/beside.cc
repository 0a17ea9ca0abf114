#include "recover/beside.h"

#include <fmt/core.h>

#include "base/error.h"
#include "pg/transaction.h"

namespace recover {
namespace {

std::optional<std::int64_t> Count(pg::Connection& connection, const plan::Pair& pair, const plan::Stage& stage) {
  pg::Transaction transaction(connection, pg::Transaction::Isolation::kReadCommitted, true);
  try {
    connection.Exec("SET LOCAL statement_timeout = '10s'");
    connection.Query("SELECT pg_catalog.set_config('search_path', $1, true)",
                     {pair.search_path.empty() ? "pg_catalog" : pair.search_path});
    return connection
        .Exec(fmt::format("SELECT pg_catalog.count(*) FROM {} AS t WHERE t.{} IS NOT NULL AND NOT {}", pair.table.Sql(),
                          pg::Ident(stage.new_physical), plan::Consistent(pair, stage, "t.")))
        .Int(0, 0);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kStatementFailed && error.code() != base::Code::kDeadline) throw;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Beside> ReadBeside(pg::Connection& connection, const plan::Plan& plan, std::size_t done) {
  std::vector<Beside> found;
  if (done < plan.EndOf(plan::Phase::kMigrate)) return found;
  for (const plan::Pair& pair : plan.pairs) {
    if (pair.OneWay() || pair.old_name.empty()) continue;
    const plan::Stage stage = done >= plan.EndOf(plan::Phase::kContract) ? plan::StageRetired(pair)
                              : done >= plan.EndOf(plan::Phase::kSwitch) ? plan::StageAfterSwitch(pair)
                                                                         : plan::StageBeforeSwitch(pair);
    const std::optional<std::int64_t> rows = Count(connection, pair, stage);
    if (!rows || *rows > 0) found.push_back({pair.table, pair.new_name, rows});
  }
  return found;
}

std::string Text(const std::vector<Beside>& beside) {
  std::string text;
  for (const Beside& each : beside) {
    text += each.rows ? fmt::format(
                            "\n{}: {} row{} in {} what the old column does not tell, written beside the triggers; "
                            "the way back leaves that in the retired column, until `close`",
                            each.table.Text(), *each.rows, *each.rows == 1 ? " has" : "s have", each.column)
                      : fmt::format(
                            "\n{}: whether rows have in {} what the old column does not tell was not counted "
                            "within 10 s",
                            each.table.Text(), each.column);
  }
  return text;
}

base::Json ToJson(const std::vector<Beside>& beside) {
  base::Json list = base::Json::array();
  for (const Beside& each : beside) {
    list.push_back({{"table", each.table.Text()},
                    {"column", each.column},
                    {"rows", each.rows ? base::Json(*each.rows) : base::Json()}});
  }
  return list;
}

}  // namespace recover
