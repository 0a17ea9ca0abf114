#include "salvage/refusals.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/stop.h"

namespace salvage {
namespace {

class Attempts {
 public:
  Attempts(pg::Connection& connection, const std::function<void(std::int64_t, std::int64_t)>& run,
           std::function<void()> prepare)
      : connection_(connection), run_(run), prepare_(std::move(prepare)) {}

  void Halve(std::int64_t first, std::int64_t last) {
    if (first > last || Try(first, last)) return;
    if (first == last) return;
    if (prepare_) std::exchange(prepare_, {})();
    const std::int64_t middle = first + (last - first) / 2;
    Halve(first, middle);
    Halve(middle + 1, last);
  }

  // There and back in turns: rows that give way to each other mostly do so in the order of their numbers.
  void Again() {
    bool backwards = true;
    for (std::size_t before = refused.size() + 1; refused.size() < before; backwards = !backwards) {
      before = refused.size();
      std::vector<std::int64_t> numbers;
      for (const auto& [number, said] : refused) numbers.push_back(number);
      if (backwards) std::reverse(numbers.begin(), numbers.end());
      for (const std::int64_t number : numbers) {
        if (Try(number, number)) refused.erase(number);
      }
    }
  }

  std::map<std::int64_t, std::string> refused;

 private:
  bool Try(std::int64_t first, std::int64_t last) {
    base::StopIfAsked(connection_.options().stop);
    connection_.Exec("SAVEPOINT attempt");
    try {
      run_(first, last);
      connection_.Exec("RELEASE SAVEPOINT attempt");
      return true;
    } catch (const base::Error& error) {
      if (connection_.Broken() || !IsRefusal(error)) throw;
      if (first == last) refused[first] = error.message() + (error.detail().empty() ? "" : ": " + error.detail());
      connection_.Exec("ROLLBACK TO SAVEPOINT attempt");
      connection_.Exec("RELEASE SAVEPOINT attempt");
      return false;
    }
  }

  pg::Connection& connection_;
  const std::function<void(std::int64_t, std::int64_t)>& run_;
  std::function<void()> prepare_;
};

}  // namespace

bool IsRefusal(const base::Error& error) {
  const std::string& state = error.sqlstate();
  if (state.empty() || state == "42501") return false;
  const std::string_view kind = std::string_view(state).substr(0, 2);
  for (const std::string_view other : {"08", "25", "40", "53", "55", "57", "58", "XX"}) {
    if (kind == other) return false;
  }
  return true;
}

std::map<std::int64_t, std::string> RunAllBut(pg::Connection& connection, std::int64_t count,
                                              const std::function<void(std::int64_t first, std::int64_t last)>& run,
                                              const std::function<void()>& prepare) {
  Attempts attempts(connection, run, prepare);
  attempts.Halve(1, count);
  attempts.Again();
  return attempts.refused;
}

}  // namespace salvage
