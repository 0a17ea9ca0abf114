#include "salvage/exchange.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/error.h"
#include "salvage/refusals.h"
#include "salvage/results.h"

namespace salvage {
namespace {

// Each time fewer rows take part: those that were refused stay where they are, and may be in others' way. So many are
// tried in all.
constexpr std::size_t kMost = 200'000;

class Exchanging {
 public:
  Exchanging(pg::Connection& restored, const Table& table, const std::string& to, std::string found)
      : restored_(restored), table_(table), found_(std::move(found)) {
    std::vector<std::string> names;
    std::vector<std::string> values;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const std::string name = pg::Ident(table.columns[i].name);
      names.push_back(name);
      values.push_back(fmt::format("CASE substr(r.changed, {}, 1) WHEN '1' THEN {} ELSE (m.was).{} END", i + 1,
                                   CastOf(table, to, i), name));
    }
    insert_ = fmt::format(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM pg_temp.moving AS m JOIN {} AS r ON r.op = 'U' AND "
        "r.n = m.n WHERE m.place BETWEEN $1::int8 AND $2::int8",
        table.name.Sql(), fmt::join(names, ", "), fmt::join(values, ", "), ResultsOf(table));
  }

  // True: all have changed places. Else nothing has, and those that are refused are left out of `numbers`.
  bool Try(std::vector<std::int64_t>& numbers) {
    restored_.Exec("SAVEPOINT exchange");
    const std::string those = fmt::format("r.op = 'U' AND r.n = ANY ('{{{}}}'::int8[])", fmt::join(numbers, ","));
    restored_.Exec(fmt::format(
        "CREATE TEMP TABLE moving AS SELECT row_number() OVER (ORDER BY r.n) AS place, r.n, (t.*)::{} AS was "
        "FROM {} AS t, {} AS r WHERE {} AND {}",
        table_.name.Sql(), table_.From(), ResultsOf(table_), those, found_));
    const std::int64_t gone = restored_
                                  .Exec(fmt::format("DELETE FROM {} AS t USING {} AS r WHERE {} AND {}", table_.From(),
                                                    ResultsOf(table_), those, found_))
                                  .affected();
    if (gone != static_cast<std::int64_t>(numbers.size())) {
      throw base::Error(base::Code::kInternal, fmt::format("rows of {} are not where they were", table_.name.Text()));
    }
    const auto refused = RunAllBut(restored_, gone, [&](std::int64_t first, std::int64_t last) {
      restored_.Query(insert_, {std::to_string(first), std::to_string(last)});
    });
    if (refused.empty()) {
      restored_.Exec("DROP TABLE pg_temp.moving; RELEASE SAVEPOINT exchange");
      return true;
    }
    restored_.Exec("ROLLBACK TO SAVEPOINT exchange; RELEASE SAVEPOINT exchange");
    std::vector<std::int64_t> left;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (refused.count(static_cast<std::int64_t>(i) + 1) == 0) left.push_back(numbers[i]);
    }
    numbers = std::move(left);
    return false;
  }

 private:
  pg::Connection& restored_;
  const Table& table_;
  std::string found_;
  std::string insert_;
};

}  // namespace

void Exchange(pg::Connection& restored, const Table& table, const std::string& to, const std::string& found,
              std::map<std::int64_t, std::string>& refused) {
  std::vector<std::int64_t> numbers;
  for (const auto& [number, said] : refused) numbers.push_back(number);
  Exchanging exchanging(restored, table, to, found);
  for (std::size_t tried = 0; tried < kMost && numbers.size() > 1; tried += numbers.size()) {
    if (!exchanging.Try(numbers)) continue;
    for (const std::int64_t number : numbers) refused.erase(number);
    return;
  }
}

}  // namespace salvage
