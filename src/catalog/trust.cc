#include "catalog/trust.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "catalog/parts.h"
#include "catalog/rows.h"
#include "catalog/sql_text.h"
#include "pg/transaction.h"

namespace catalog {
namespace {

constexpr std::size_t kListed = 10;

struct Finding {
  std::string what;
  std::string owner;
  std::string remedy;
};

// The names in the catalog are printed and compared under the server's own path; the caller's comes back.
class ServersPath {
 public:
  explicit ServersPath(pg::Connection& connection) : connection_(connection) {
    before_ = connection.Query("SELECT pg_catalog.current_setting('search_path')").Text(0, 0);
    Set("pg_catalog, pg_temp");
  }
  // Where the connection's transaction failed, it takes the setting along.
  void PutBack() { Set(before_); }
  // Those of the path that exist and may be used.
  std::string SchemasOf(const std::string& path) {
    if (path.empty()) return "{}";
    Set(path);
    const std::string schemas = connection_.Query("SELECT pg_catalog.current_schemas(false)").Text(0, 0);
    Set("pg_catalog, pg_temp");
    return schemas;
  }

 private:
  void Set(const std::string& path) {
    connection_.Query("SELECT pg_catalog.set_config('search_path', $1, $2)",
                      {path, connection_.InTransaction() ? "true" : "false"});
  }
  pg::Connection& connection_;
  std::string before_;
};

// As an array of OIDs.
std::string Trusted(pg::Connection& connection) {
  return connection.Query(std::string(sql_text::kReadTrusted), {TextArray(connection.options().trusts)}).Text(0, 0);
}

std::string Names(const std::vector<pg::QualifiedName>& tables) {
  std::vector<std::string> names;
  for (const pg::QualifiedName& table : tables) names.push_back(table.Sql());
  return TextArray(names);
}

[[noreturn]] void Refuse(const std::string& message, const std::vector<Finding>& findings, const std::string& hint) {
  std::string detail;
  for (const Finding& finding : findings) {
    if (&finding == &findings[std::min(kListed, findings.size() - 1)] && findings.size() > kListed + 1) {
      detail += fmt::format("\nand {} more", findings.size() - kListed);
      break;
    }
    detail += fmt::format("{}{}, of {}{}", detail.empty() ? "" : "\n", finding.what, finding.owner,
                          finding.remedy.empty() ? "" : ": " + finding.remedy + ";");
  }
  throw base::Error(base::Code::kUntrusted, message).Detail(detail).Hint(hint);
}

std::string Session(pg::Connection& connection) { return connection.Exec("SELECT session_user").Text(0, 0); }

std::string RunAsOrTrust(const std::string& owner) {
  return fmt::format(
      "run switchback as a role without superuser that is a member of {0} (`switchback init --print-grants`); or, "
      "where "
      "its code was looked at, `trust: [{{role: {0}, reason: ...}}]` in switchback.yaml or release.yaml.",
      owner);
}

}  // namespace

void RequireOwnSchemas(pg::Connection& connection) {
  ServersPath path(connection);
  std::vector<Finding> findings;
  ForEachRow(connection, sql_text::kReadUntrustedSchemas, {Trusted(connection)}, [&](const Row& row) {
    findings.push_back({row.Text("what"), row.Text("owner"), row.Text("remedy")});
  });
  path.PutBack();
  if (findings.empty()) return;
  Refuse(
      fmt::format("the schemas of switchback hold what is not of the role {}, and would act with its rights",
                  Session(connection)),
      findings,
      fmt::format("Look at what is named, and who made it. Take it away as it says, or DROP SCHEMA switchback CASCADE "
                  "where no release is open; where it is right, run switchback as {0}, or `trust: [{{role: {0}, "
                  "reason: ...}}]` in switchback.yaml.",
                  findings.front().owner));
}

void RequireTrust(pg::Connection& connection, const std::vector<pg::QualifiedName>& tables,
                  const std::string& search_path, Writes writes) {
  ServersPath path(connection);
  std::vector<Finding> code;
  std::vector<Finding> schemas;
  std::vector<Finding> rows;
  const std::string looked_in = path.SchemasOf(search_path);
  ForEachRow(
      connection, sql_text::kReadUntrusted,
      {Trusted(connection), Names(tables), looked_in, writes == Writes::kAsReplica ? "true" : "false"},
      [&](const Row& row) {
        const std::string kind = row.Text("kind");
        (kind == "code" ? code : kind == "path" ? schemas : rows).push_back({row.Text("what"), row.Text("owner"), ""});
      });
  path.PutBack();
  const std::string role = Session(connection);
  if (!code.empty()) {
    Refuse(fmt::format("code of {} would run with the rights of the role {}", code.front().owner, role), code,
           "Either " + RunAsOrTrust(code.front().owner));
  }
  if (!schemas.empty()) {
    Refuse(
        fmt::format("{} may put functions and operators before those that the change means",
                    schemas.front().owner == "PUBLIC" ? "everyone" : schemas.front().owner),
        schemas,
        fmt::format("REVOKE CREATE ON that schema FROM {0}; or run switchback as a member of it that is no superuser; "
                    "or accept it: `trust: [{{role: {0}, reason: ...}}]` in switchback.yaml or release.yaml.",
                    schemas.front().owner));
  }
  if (!rows.empty()) {
    Refuse(
        fmt::format("row security would hide rows from the role {}", role), rows,
        fmt::format("ALTER ROLE {} BYPASSRLS; or ALTER TABLE ... NO FORCE ROW LEVEL SECURITY where the role owns it.",
                    pg::Ident(role)));
  }
}

bool OthersMayAddCode(pg::Connection& connection, const std::vector<pg::QualifiedName>& tables) {
  ServersPath path(connection);
  bool they_may = false;
  ForEachRow(connection, sql_text::kReadOthersMay, {Trusted(connection), Names(tables)},
             [&](const Row& row) { they_may = row.Bool("they_may"); });
  path.PutBack();
  return they_may;
}

}  // namespace catalog
