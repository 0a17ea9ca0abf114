#include "run/rows_done.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "run/sql_text.h"

namespace run {

RowsDone::RowsDone(pg::ConnectOptions connect, pg::Connection& session, const plan::DataChange& change)
    : connect_(std::move(connect)), table_(change.captures.front().table.Sql()) {
  // Whoever holds a lock of the table is not waited for.
  connect_.statement_timeout = std::chrono::seconds(2);
  connect_.lock_timeout = std::chrono::seconds(1);
  base::Json images = base::Json::array();
  for (const auto& capture : change.captures) images.push_back(pg::Ident("switchback", capture.images));
  images_ = images.dump();
  before_ = Ask(session);
}

void RowsDone::Expect(std::int64_t rows, bool estimate) {
  estimate_ = estimate;
  of_ = rows;
}

RowsDone::Counts RowsDone::Ask(pg::Connection& connection) const {
  const pg::Result row = connection.Query(std::string(sql_text::kRowsDone), {images_, table_});
  return {row.Int(0, 0), row.Int(0, 1)};
}

base::LongWork::Reached RowsDone::Look() {
  if (!other_ || other_->Broken()) other_.emplace(pg::Connection::Open(connect_));
  const Counts now = Ask(*other_);
  base::LongWork::Reached reached{
      .done = now.rows - before_.rows + others_, .of = of_, .estimate = estimate_, .more = ""};
  // Triggers run behind the statement: until then only the table tells that it goes on.
  if (reached.done == 0) {
    reached.more = fmt::format("the table has grown by {}",
                               base::FormatBytes(std::max<std::int64_t>(0, now.bytes - before_.bytes)));
  }
  return reached;
}

std::optional<std::int64_t> EstimatedRows(pg::Connection& connection, const std::string& statement) {
  connection.Exec("SAVEPOINT estimate");
  std::optional<std::int64_t> rows;
  try {
    const pg::Result plan = connection.Exec("EXPLAIN (FORMAT JSON) " + statement);
    // The node that modifies has no rows of its own; those below it are what it modifies.
    const base::Json node = base::Json::parse(plan.Text(0, 0)).at(0).at("Plan");
    for (const base::Json& below : node.value("Plans", base::Json::array())) {
      const std::string role = below.value("Parent Relationship", "");
      if (role == "InitPlan" || role == "SubPlan") continue;
      rows = rows.value_or(0) + static_cast<std::int64_t>(below.value("Plan Rows", 0.0));
    }
  } catch (const base::Json::exception&) {
    rows.reset();
  } catch (const base::Error& error) {
    if (connection.Broken()) throw;
    if (error.code() == base::Code::kInterrupted) throw;
  }
  connection.Exec("ROLLBACK TO SAVEPOINT estimate; RELEASE SAVEPOINT estimate");
  return rows;
}

}  // namespace run
