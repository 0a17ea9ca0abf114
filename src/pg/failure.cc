#include "pg/failure.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <regex>
#include <string_view>
#include <utility>

#include "base/redact.h"

namespace pg {
namespace {

using base::Code;

struct Mapping {
  std::string_view sqlstate;  // or its first two characters, the class
  Code code;
};

constexpr std::string_view kIdleInTransaction = "25P03";

// The first that fits counts.
constexpr std::array kMappings = {
    Mapping{"55P03", Code::kLockTimeout},      // lock_not_available
    Mapping{"57014", Code::kDeadline},         // query_canceled
    Mapping{"40P01", Code::kDeadlock},         // deadlock_detected
    Mapping{"40001", Code::kDeadlock},         // serialization_failure
    Mapping{"42501", Code::kPrivilege},        // insufficient_privilege
    Mapping{"3D000", Code::kUnknownDatabase},  // invalid_catalog_name
    Mapping{"57P01", Code::kConnectionLost},   // admin_shutdown
    Mapping{"57P02", Code::kConnectionLost},   // crash_shutdown
    Mapping{"57P05", Code::kConnectionLost},   // idle_session_timeout
    Mapping{kIdleInTransaction, Code::kConnectionLost},
    Mapping{"25P04", Code::kConnectionLost},  // transaction_timeout
    Mapping{"28", Code::kAuthentication},
    Mapping{"08", Code::kConnectionLost},
};

std::string_view Summary(Code code) {
  switch (code) {
    case Code::kLockTimeout:
      return "a lock was not to be had in time";
    case Code::kDeadline:
      return "a statement took longer than its deadline";
    case Code::kDeadlock:
      return "the server ended the transaction because of other transactions";
    case Code::kPrivilege:
      return "the role has no right to do this";
    case Code::kAuthentication:
      return "the server refused the login";
    case Code::kConnectionLost:
      return "the connection to the server broke";
    default:
      return "the database refused a statement";
  }
}

std::string Field(const PGresult* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? "" : text;
}

std::string Trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

void AddLine(std::string& text, std::string_view label, const std::string& value) {
  if (value.empty()) return;
  if (!text.empty()) text += '\n';
  text += fmt::format("{}{}", label, value);
}

bool StartsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

// Byte offset of the character `position` (from 1); the end where there are fewer.
std::size_t OffsetOf(const std::string& text, int position) {
  int seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (StartsCharacter(text[i]) && ++seen == position) return i;
  }
  return text.size();
}

int CountCharacters(std::string_view text) {
  int count = 0;
  for (char c : text) count += StartsCharacter(c) ? 1 : 0;
  return count;
}

}  // namespace

base::Code CodeOf(const std::string& sqlstate) {
  if (sqlstate.empty()) return Code::kConnectionLost;
  for (const auto& mapping : kMappings) {
    if (sqlstate.compare(0, mapping.sqlstate.size(), mapping.sqlstate) == 0) return mapping.code;
  }
  return Code::kStatementFailed;
}

std::string Caret(const std::string& statement, int position) {
  constexpr int kBefore = 60;  // characters of the line that are kept on each side, where the line is long
  constexpr int kAfter = 40;
  const std::size_t offset = OffsetOf(statement, position);
  const std::size_t newline = offset == 0 ? std::string::npos : statement.rfind('\n', offset - 1);
  const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
  std::size_t end = statement.find('\n', offset);
  if (end == std::string::npos) end = statement.size();
  int number = 1;
  for (std::size_t i = 0; i < begin; ++i) number += statement[i] == '\n' ? 1 : 0;

  std::string line = statement.substr(begin, end - begin);
  int column = CountCharacters(std::string_view(line).substr(0, offset - begin));
  std::string prefix = fmt::format("LINE {}: ", number);
  if (column > kBefore) {
    line = line.substr(OffsetOf(line, column - kBefore + 1));
    prefix += "...";
    column = kBefore;
  }
  if (CountCharacters(line) > column + kAfter) line = line.substr(0, OffsetOf(line, column + kAfter + 1)) + "...";
  for (char& c : line) {
    if (c == '\t' || c == '\r') c = ' ';
  }
  return prefix + line + "\n" + std::string(prefix.size() + static_cast<std::size_t>(column), ' ') + "^";
}

namespace {

// Classes in which the server's own messages name objects, and no values.
bool NamesObjectsOnly(const std::string& sqlstate) {
  constexpr std::array<std::string_view, 24> kClasses = {"01", "02", "03", "08", "0A", "0B", "0L", "0P",
                                                         "20", "21", "23", "24", "25", "26", "28", "2B",
                                                         "2D", "3B", "3D", "3F", "40", "42", "53", "54"};
  constexpr std::array<std::string_view, 4> kMore = {"55", "57", "58", "72"};
  const std::string_view its = std::string_view(sqlstate).substr(0, 2);
  return std::ranges::find(kClasses, its) != kClasses.end() || std::ranges::find(kMore, its) != kMore.end();
}

// Any function may say anything with RAISE, and by any SQLSTATE.
bool IsRaised(const PGresult* result) { return Field(result, PG_DIAG_SOURCE_FUNCTION) == "exec_stmt_raise"; }

// "Key (a)=(1) already exists.", "Failing row contains (1, x)."
std::string WithoutRow(const std::string& detail) {
  std::size_t begin = detail.find("=(");
  begin = begin == std::string::npos ? detail.find('(') : begin + 1;
  return begin == std::string::npos ? detail : detail.substr(0, begin) + "(...)";
}

// The functions in which it happened, without what they ran.
std::string Functions(const std::string& context) {
  std::string functions;
  for (std::size_t at = 0; at < context.size();) {
    const std::size_t end = std::min(context.find('\n', at), context.size());
    const std::string line = context.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("PL/pgSQL function ") || line.starts_with("SQL function ")) AddLine(functions, "", line);
  }
  return functions;
}

// What the server says of a failure, as much as has no values of rows in it.
std::string Primary(const PGresult* result, const std::string& sqlstate) {
  std::string primary = Field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (primary.empty()) return Trimmed(PQresultErrorMessage(result));
  if (base::RowValuesShown()) return primary;
  if (IsRaised(result)) return "a function refused it, in words that are withheld: they may hold values of rows";
  return NamesObjectsOnly(sqlstate) ? primary : base::WithoutQuoted(primary);
}

std::string Details(const PGresult* result, const std::string& sqlstate, const std::string& statement) {
  const bool shown = base::RowValuesShown();
  const bool plain = shown || (NamesObjectsOnly(sqlstate) && !IsRaised(result));
  std::string detail;
  if (plain) {
    const std::string said = Field(result, PG_DIAG_MESSAGE_DETAIL);
    AddLine(detail, "", !shown && sqlstate.starts_with("23") ? WithoutRow(said) : said);
    AddLine(detail, "HINT: ", Field(result, PG_DIAG_MESSAGE_HINT));
  } else {
    AddLine(detail, "table: ", Field(result, PG_DIAG_TABLE_NAME));
    AddLine(detail, "column: ", Field(result, PG_DIAG_COLUMN_NAME));
    AddLine(detail, "constraint: ", Field(result, PG_DIAG_CONSTRAINT_NAME));
  }
  if (const std::string position = Field(result, PG_DIAG_STATEMENT_POSITION); !position.empty()) {
    AddLine(detail, "", Caret(statement, std::stoi(position)));
  } else if (const std::string inner = Field(result, PG_DIAG_INTERNAL_POSITION); !inner.empty()) {
    const std::string query = Field(result, PG_DIAG_INTERNAL_QUERY);
    // A statement that a function put together may have values in it.
    if (shown || query.find('\'') == std::string::npos) AddLine(detail, "", Caret(query, std::stoi(inner)));
  }
  const std::string context = Field(result, PG_DIAG_CONTEXT);
  AddLine(detail, "CONTEXT: ", shown ? context : Functions(context));
  return detail;
}

}  // namespace

base::Error StatementError(const PGresult* result, const std::string& statement) {
  const std::string sqlstate = Field(result, PG_DIAG_SQLSTATE);
  const Code code = CodeOf(sqlstate);
  const std::string_view summary =
      sqlstate == kIdleInTransaction
          ? "the server ended the session: this process was stopped, or its machine asleep, in a transaction"
          : Summary(code);
  return base::Error(code, fmt::format("{}: {}", summary, Primary(result, sqlstate)))
      .Detail(Details(result, sqlstate, statement))
      .Sqlstate(sqlstate)
      .Statement(statement);
}

bool EndsSession(const PGresult* result) {
  const std::string severity = Field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity == "FATAL" || severity == "PANIC";
}

base::Error ConnectError(PGconn* connection, const std::string& redacted) {
  std::string text = Trimmed(PQerrorMessage(connection));
  std::string sqlstate;
  // "... failed: FATAL:  28P01: password authentication failed": the last host's answer counts.
  static const std::regex kState(":  ([0-9A-Z]{5}): ");
  for (std::sregex_iterator it(text.begin(), text.end(), kState), end; it != end; ++it) sqlstate = (*it)[1].str();
  text = std::regex_replace(text, kState, ":  ");
  // The server's source file and line, which PQERRORS_VERBOSE brings along; its label may be translated.
  text = Trimmed(std::regex_replace(text, std::regex("\n[^\n]*:  [A-Za-z_0-9]+, [a-z_0-9]+\\.c:[0-9]+"), ""));

  Code code = Code::kUnreachable;
  if (text.find("unsupported startup parameter") != std::string::npos) {
    code = Code::kPooler;  // PgBouncer's words; PostgreSQL never says so
  } else if (PQconnectionNeedsPassword(connection) != 0) {
    code = Code::kAuthentication;
  } else if (const Code mapped = CodeOf(sqlstate);
             mapped == Code::kAuthentication || mapped == Code::kPrivilege || mapped == Code::kUnknownDatabase) {
    code = mapped;
  }
  return base::Error(code, fmt::format("cannot connect to {}", redacted)).Detail(std::move(text)).Sqlstate(sqlstate);
}

}  // namespace pg
