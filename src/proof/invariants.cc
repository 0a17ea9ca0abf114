#include "proof/invariants.h"

#include <fmt/core.h>

#include <string_view>

#include "base/error.h"
#include "pg/transaction.h"

namespace proof {
namespace {

using base::Json;

bool IsDigits(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

// A plain decimal number in its one shortest form: "-0012.50" is "-12.5". Nothing: it is none.
std::optional<std::string> Decimal(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  std::string_view whole = text.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? "0" : text.substr(point + 1);
  if (!IsDigits(whole) || !IsDigits(fraction)) return std::nullopt;
  while (whole.size() > 1 && whole.front() == '0') whole.remove_prefix(1);
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  std::string shortest = fmt::format("{}{}{}", whole, fraction.empty() ? "" : ".", fraction);
  return negative && shortest != "0" ? "-" + shortest : shortest;
}

std::string TextOf(const Json& expected) {
  if (expected.is_null()) return "NULL";
  if (expected.is_boolean()) return expected.get<bool>() ? "t" : "f";
  return expected.is_string() ? expected.get<std::string>() : expected.dump();
}

// What the server may refuse without the session being at stake.
bool IsAnswer(base::Code code) {
  switch (code) {
    case base::Code::kStatementFailed:
    case base::Code::kPrivilege:
    case base::Code::kDeadline:
    case base::Code::kLockTimeout:
    case base::Code::kDeadlock:
      return true;
    default:
      return false;
  }
}

void Ask(pg::Connection& connection, const release::Invariant& invariant, InvariantResult& result) {
  const pg::Transaction transaction(connection, pg::Transaction::Isolation::kReadCommitted, /*read_only=*/true);
  connection.Exec("SET LOCAL search_path TO DEFAULT");
  const pg::Result rows = connection.Query(invariant.sql);
  if (rows.rows() != 1 || rows.columns() != 1) {
    result.error =
        fmt::format("it gives {} rows of {} columns, and ought to give one value", rows.rows(), rows.columns());
    return;
  }
  const std::optional<std::string> found = rows.Optional(0, 0);
  result.found = found.value_or("NULL");
  result.holds = SameValue(invariant.expect, found);
}

class TimeoutFor {
 public:
  TimeoutFor(pg::Connection& connection, std::chrono::milliseconds timeout) : connection_(connection) {
    connection_.SetStatementTimeout(timeout);
  }
  TimeoutFor(const TimeoutFor&) = delete;
  TimeoutFor& operator=(const TimeoutFor&) = delete;
  ~TimeoutFor() {
    try {
      if (!connection_.Broken()) connection_.SetStatementTimeout(connection_.options().statement_timeout);
    } catch (const base::Error&) {  // the next statement of the caller meets the same broken session
    }
  }

 private:
  pg::Connection& connection_;
};

}  // namespace

bool SameValue(const Json& expected, const std::optional<std::string>& found) {
  if (expected.is_null() || !found) return expected.is_null() && !found;
  const std::string wanted = TextOf(expected);
  if (expected.is_number()) {
    const std::optional<std::string> number = Decimal(*found);
    if (number) return number == Decimal(wanted);
  }
  return wanted == *found;
}

std::vector<InvariantResult> AskInvariants(pg::Connection& connection,
                                           const std::vector<release::Invariant>& invariants,
                                           std::chrono::milliseconds timeout) {
  const TimeoutFor limit(connection, timeout);
  std::vector<InvariantResult> results;
  for (const release::Invariant& invariant : invariants) {
    InvariantResult& result = results.emplace_back();
    result.name = invariant.name;
    result.expected = TextOf(invariant.expect);
    try {
      Ask(connection, invariant, result);
    } catch (const base::Error& error) {
      if (!IsAnswer(error.code()) || connection.Broken()) throw;
      result.error = error.detail().empty() ? error.message() : error.message() + ": " + error.detail();
    }
  }
  return results;
}

}  // namespace proof
