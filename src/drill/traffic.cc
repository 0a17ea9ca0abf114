#include "drill/traffic.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/time.h"
#include "drill/sql_text.h"

namespace drill {
namespace {

constexpr std::size_t kRecoveredAfter = 20;

using RowKey = std::pair<std::string, std::int64_t>;

// A row as the database has it: column -> text, without NULLs.
struct Row {
  std::string written_by;
  std::map<std::string, std::string> values;
};

std::map<RowKey, Row> ReadRows(pg::Connection& connection) {
  std::map<RowKey, Row> rows;
  for (const auto& [table, sql] :
       {std::pair{"customers", sql_text::kWrittenCustomers}, {"orders", sql_text::kWrittenOrders}}) {
    const pg::Result result = connection.Query(std::string(sql));
    for (int i = 0; i < result.rows(); ++i) {
      Row& row = rows[{table, result.Int(i, 0)}];
      row.written_by = result.Text(i, 1);
      const base::Json values = base::ParseJson(result.Text(i, 2), "row");
      for (const auto& [column, value] : values.items()) {
        if (value.is_string()) row.values[column] = value;
      }
    }
  }
  return rows;
}

using Chain = std::vector<const LedgerLine*>;

std::map<RowKey, Chain> ChainsOf(std::span<const LedgerLine> lines) {
  std::map<RowKey, Chain> chains;
  for (const LedgerLine& line : lines) {
    if (line.write) chains[{line.write->table, line.write->row}].push_back(&line);
  }
  return chains;
}

// Compares what the writes up to the row's last one put there.
void CompareValues(const RowKey& key, const Chain& chain, std::size_t length, const Row& row, Account& account) {
  std::map<std::string, std::string> expected;
  for (std::size_t i = 0; i < length; ++i) {
    for (const auto& [name, value] : chain[i]->write->values.items()) expected[name] = value;
  }
  if (expected.contains("name")) expected["display_name"] = expected["name"];
  if (key.first == "orders") expected["total_cents"] = row.values.at("due");
  for (const auto& [column, value] : row.values) {
    const auto wanted = expected.find(column);
    if (wanted != expected.end() && wanted->second != value) {
      account.altered.push_back({key.first, key.second, column, value, wanted->second});
    }
  }
}

void CompareRow(const RowKey& key, const Chain& chain, const Row* row, Account& account) {
  std::size_t present = 0;  // writes of the chain that the row shows
  for (std::size_t i = 0; row != nullptr && i < chain.size(); ++i) {
    if (chain[i]->write->write == row->written_by) present = i + 1;
  }
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const bool unknown = chain[i]->outcome == Outcome::kUnknown;
    ++(unknown ? account.unknown : account.acknowledged);
    // Whether an unknown write in the middle was made cannot be seen any more; the last one shows itself.
    if (unknown && i + 1 == present) ++account.unknown_present;
    if (!unknown && i >= present) account.lost.push_back(*chain[i]->write);
  }
  if (present > 0) CompareValues(key, chain, present, *row, account);
}

}  // namespace

std::int64_t NowUs() {
  return std::chrono::duration_cast<std::chrono::microseconds>(base::Now().time_since_epoch()).count();
}

Traffic Summarize(std::span<const LedgerLine> lines) {
  Traffic traffic;
  std::optional<std::int64_t> down_since;
  std::int64_t up_at = 0;
  std::size_t successes = 0;
  for (const LedgerLine& line : lines) {
    ++traffic.requests;
    if (line.outcome == Outcome::kOk) {
      if (line.write) ++traffic.acknowledged;
      if (successes++ == 0) up_at = line.at_us;
      if (down_since && successes >= kRecoveredAfter) {
        traffic.down_us += up_at - *down_since;
        down_since.reset();
      }
      continue;
    }
    ++traffic.failed;
    if (line.outcome == Outcome::kUnknown) ++traffic.unknown;
    ++traffic.failures[line.error];
    if (!down_since) down_since = line.at_us;
    successes = 0;
  }
  if (down_since) traffic.down_us += lines.back().at_us - *down_since;
  return traffic;
}

std::span<const LedgerLine> Between(std::span<const LedgerLine> lines, std::int64_t from_us, std::int64_t to_us) {
  const auto before = [](const LedgerLine& line, std::int64_t at) { return line.at_us < at; };
  const auto begin = std::lower_bound(lines.begin(), lines.end(), from_us, before);
  return {begin, std::lower_bound(begin, lines.end(), to_us, before)};
}

base::Json Account::ToJson() const {
  base::Json sentences = base::Json::array();
  for (const Altered& each : altered) {
    sentences.push_back(fmt::format(R"({} {}: {} holds "{}", written was "{}")", each.table, each.row, each.column,
                                    each.holds, each.written));
  }
  return {{"acknowledged", acknowledged}, {"unknown", unknown},   {"unknown_present", unknown_present},
          {"lost", lost.size()},          {"altered", sentences}, {"unledgered", unledgered}};
}

Account Compare(std::span<const LedgerLine> lines, pg::Connection& connection) {
  Account account;
  const std::map<RowKey, Row> rows = ReadRows(connection);
  const std::map<RowKey, Chain> chains = ChainsOf(lines);
  for (const auto& [key, chain] : chains) {
    const auto row = rows.find(key);
    CompareRow(key, chain, row == rows.end() ? nullptr : &row->second, account);
  }
  for (const auto& [key, row] : rows) {
    const auto chain = chains.find(key);
    const bool known = chain != chains.end() &&
                       std::any_of(chain->second.begin(), chain->second.end(),
                                   [&by = row.written_by](const auto* line) { return line->write->write == by; });
    if (!known) ++account.unledgered;
  }
  return account;
}

}  // namespace drill
