#include "pg/session.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "pg/connection_state.h"
#include "pg/failure.h"
#include "pg/quote.h"

namespace pg {
namespace {

constexpr std::array kSettings = {
    // What a value looks like, and so what a digest of definitions and rows is.
    Setting{"DateStyle", "ISO, YMD"},
    Setting{"IntervalStyle", "postgres"},
    Setting{"TimeZone", "UTC"},
    Setting{"timezone_abbreviations", "Default"},
    Setting{"bytea_output", "hex"},
    Setting{"extra_float_digits", "3"},
    Setting{"quote_all_identifiers", "off"},
    Setting{"xmlbinary", "base64"},
    Setting{"lc_monetary", "C"},
    Setting{"lc_numeric", "C"},
    Setting{"lc_time", "C"},
    // What a text means.
    Setting{"standard_conforming_strings", "on"},
    Setting{"backslash_quote", "safe_encoding"},
    Setting{"transform_null_equals", "off"},
    Setting{"array_nulls", "on"},
    Setting{"xmloption", "content"},
    // Which rows a statement sees: an error is better than rows that are left out.
    Setting{"row_security", "off"},
    Setting{"gin_fuzzy_search_limit", "0"},
    Setting{"restrict_nonsystem_relation_kind", "", Pin::kWhereKnown},
    Setting{"zero_damaged_pages", "off", Pin::kCompared},
    Setting{"ignore_checksum_failure", "off", Pin::kCompared},
    // Which triggers and rules fire, what DDL may touch.
    Setting{"session_replication_role", "origin", Pin::kCompared},
    Setting{"allow_system_table_mods", "off", Pin::kCompared},
    // What a transaction may do, sees and waits for, and whether it is there after a crash.
    Setting{"default_transaction_read_only", "off"},
    Setting{"default_transaction_isolation", "read committed"},
    Setting{"default_transaction_deferrable", "off"},
    Setting{"synchronous_commit", "on"},
    Setting{"exit_on_error", "off"},
    // How long a session lasts: what waits longer inside a transaction sets its own.
    Setting{"statement_timeout", "0"},
    Setting{"lock_timeout", "0"},
    Setting{"idle_in_transaction_session_timeout", "60000"},
    Setting{"idle_session_timeout", "0"},
    Setting{"transaction_timeout", "0", Pin::kWhereKnown},
    // A query of the catalog returns few rows and looks expensive to the planner: compiling it takes far longer than
    // running it, and a step does so while it holds its locks.
    Setting{"jit", "off"},
    // What is told to the operator.
    Setting{"client_min_messages", "notice"},
};

// Of the pins, those that change what the expression of a function gives.
constexpr std::array<std::string_view, 14> kExpressions = {"DateStyle",
                                                           "IntervalStyle",
                                                           "TimeZone",
                                                           "timezone_abbreviations",
                                                           "bytea_output",
                                                           "extra_float_digits",
                                                           "xmlbinary",
                                                           "lc_monetary",
                                                           "lc_numeric",
                                                           "lc_time",
                                                           "xmloption",
                                                           "array_nulls",
                                                           "transform_null_equals",
                                                           "standard_conforming_strings"};

// Of the pins, those that change what an author's statement means, does or finds.
constexpr std::array<std::string_view, 13> kAuthors = {"DateStyle",
                                                       "IntervalStyle",
                                                       "TimeZone",
                                                       "lc_monetary",
                                                       "lc_numeric",
                                                       "lc_time",
                                                       "xmloption",
                                                       "array_nulls",
                                                       "standard_conforming_strings",
                                                       "xmlbinary",
                                                       "bytea_output",
                                                       "transform_null_equals",
                                                       "default_transaction_isolation"};

std::string_view PinnedValue(std::string_view name) {
  for (const Setting& setting : kSettings) {
    if (setting.name == name) return setting.value;
  }
  throw base::Error(base::Code::kInternal, fmt::format("{} is not pinned", name));
}

std::string Escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ' ' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// Where a setting of this session comes from, with the statement that takes it away.
std::string PlaceOf(Connection& connection, std::string_view name) {
  const Result found = connection.Query(
      "SELECT r.rolname, d.datname FROM pg_catalog.pg_db_role_setting AS s "
      "LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole LEFT JOIN pg_catalog.pg_database AS d ON d.oid = "
      "s.setdatabase "
      "WHERE EXISTS (SELECT FROM pg_catalog.unnest(s.setconfig) AS one "
      "WHERE pg_catalog.starts_with(one, $1 OPERATOR(pg_catalog.||) '=')) "
      "AND (s.setrole OPERATOR(pg_catalog.=) 0 OR r.rolname OPERATOR(pg_catalog.=) session_user) "
      "AND (s.setdatabase OPERATOR(pg_catalog.=) 0 OR d.datname OPERATOR(pg_catalog.=) current_database()) "
      "ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1",
      {std::string(name)});
  if (found.rows() == 0) return "it stands in the server's configuration";
  const auto role = found.Optional(0, 0);
  const auto database = found.Optional(0, 1);
  if (!role && !database) return fmt::format("it is set for all: ALTER ROLE ALL RESET {}", name);
  if (!role) return fmt::format("the database sets it: ALTER DATABASE {} RESET {}", Ident(*database), name);
  return fmt::format("the role sets it: ALTER ROLE {}{} RESET {}", Ident(*role),
                     database ? " IN DATABASE " + Ident(*database) : "", name);
}

void SetBack(Connection& connection, const Setting& setting, const std::string& found) {
  try {
    connection.Exec(fmt::format("SET {} = {}", setting.name, Literal(std::string(setting.value))));
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kPrivilege) throw;
    throw base::Error(
        base::Code::kForeignSetting,
        fmt::format("{} is '{}' in this program's sessions, and has to be '{}'", setting.name, found, setting.value))
        .Detail(fmt::format("this role may not set it; {}", PlaceOf(connection, setting.name)));
  }
}

}  // namespace

std::span<const Setting> PinnedSettings() { return kSettings; }

std::string StartupOptions(const std::string& own) {
  std::string options = own;
  for (const Setting& setting : kSettings) {
    if (setting.pin != Pin::kAtStart) continue;
    if (!options.empty()) options += ' ';
    options += fmt::format("-c {}={}", setting.name, Escaped(setting.value));
  }
  return options;
}

std::string FunctionPins() {
  std::string clauses;
  for (const std::string_view name : kExpressions) {
    const std::string_view value = PinnedValue(name);
    clauses += fmt::format(" SET {} = {}", name, Literal(std::string(value)));
  }
  return clauses + " SET default_text_search_config FROM CURRENT";
}

void PinSession(Connection& connection) {
  connection.Exec("SET search_path = pg_catalog, pg_temp");
  std::vector<const Setting*> asked;
  std::string question;
  for (const Setting& setting : kSettings) {
    if (setting.pin == Pin::kAtStart) continue;
    question += fmt::format("{}pg_catalog.current_setting('{}', true)", asked.empty() ? "SELECT " : ", ", setting.name);
    asked.push_back(&setting);
  }
  const Result found = connection.Exec(question);
  for (int i = 0; i < found.columns(); ++i) {
    const Setting& setting = *asked[static_cast<std::size_t>(i)];
    if (!found.IsNull(0, i) && found.Text(0, i) != setting.value) SetBack(connection, setting, found.Text(0, i));
  }
}

std::map<std::string, std::string> UnpinnedSettings(const ConnectOptions& options) {
  const RawConnection connection = Connect(options, Redacted(options.conninfo), Pins::kNone);
  std::map<std::string, std::string> differ;
  for (const std::string_view name : kAuthors) {
    const std::string question = fmt::format("SHOW {}", name);
    const RawResult found(PQexec(connection.get(), question.c_str()));
    if (PQresultStatus(found.get()) != PGRES_TUPLES_OK) throw StatementError(found.get(), question);
    const std::string value = PQgetvalue(found.get(), 0, 0);
    if (value != PinnedValue(name)) differ[std::string(name)] = value;
  }
  return differ;
}

}  // namespace pg
