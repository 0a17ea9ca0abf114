#include "journal/mirror.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/host.h"
#include "base/signature.h"
#include "catalog/rows.h"
#include "catalog/trust.h"
#include "journal/sql_text.h"
#include "pg/quote.h"
#include "pg/transaction.h"

namespace journal {
namespace {

std::string Sql(std::string_view text) { return std::string(text); }

constexpr int kInstallAttempts = 10;

// Two first runs at once: CREATE ... IF NOT EXISTS collides. A lock that both would take could be taken by anybody.
bool IsCollision(const base::Error& error) {
  for (const char* state : {"23505", "42P06", "42P07", "42710", "42723", "42701", "XX000", "40P01", "2BP01"}) {
    if (error.sqlstate() == state) return true;
  }
  return false;
}

}  // namespace

void Seal(pg::Connection& connection) {
  const auto rights = connection.Query(Sql(sql_text::kSeal), {catalog::TextArray(connection.options().trusts)});
  for (int i = 0; i < rights.rows(); ++i) connection.Exec(rights.Text(i, 0));
}

void InstallSchema(pg::Connection& connection) {
  catalog::RequireOwnSchemas(connection);
  if (SchemaCurrent(connection)) return;
  for (int attempt = 1;; ++attempt) {
    try {
      pg::Transaction transaction(connection);
      connection.Exec("CREATE SCHEMA IF NOT EXISTS switchback");
      // Somebody may have made it a moment ago.
      catalog::RequireOwnSchemas(connection);
      connection.Exec(Sql(sql_text::kSchema));
      Seal(connection);
      base::Failpoint(base::FailpointId::kJournalBeforeInstall);
      return transaction.Commit();
    } catch (base::Error& error) {
      if (attempt < kInstallAttempts && IsCollision(error)) continue;
      if (error.code() != base::Code::kPrivilege) throw;
      const auto where = connection.Exec("SELECT current_database(), current_user");
      error.Hint(fmt::format("As the owner of the database: GRANT CREATE ON DATABASE {} TO {};",
                             pg::Ident(where.Text(0, 0)), pg::Ident(where.Text(0, 1))));
      throw;
    }
  }
}

bool SchemaInstalled(pg::Connection& connection) { return connection.Exec(Sql(sql_text::kSchemaInstalled)).Bool(0, 0); }

bool SchemaCurrent(pg::Connection& connection) { return connection.Exec(Sql(sql_text::kSchemaCurrent)).Bool(0, 0); }

void MirrorLines(pg::Connection& connection, const std::string& release, const Journal& journal, std::int64_t through) {
  const auto have = connection.Query(Sql(sql_text::kMirroredCount), {release}).Int(0, 0);
  for (const Event& event : journal.events()) {
    if (event.seq <= have || event.seq > std::min(through, journal.Written())) continue;
    connection.Query(Sql(sql_text::kMirrorLine), {release, std::to_string(event.seq), ToLine(event)});
  }
  base::Failpoint(base::FailpointId::kJournalMirrored);
}

std::int64_t MirrorableThrough(const Journal& journal) {
  for (auto event = journal.events().rbegin(); event != journal.events().rend(); ++event) {
    if (event->kind == "outcome" || event->kind == "failed" || event->kind == "abandoned") break;
    if (event->kind == "intent") return event->seq - 1;
  }
  return static_cast<std::int64_t>(journal.events().size());
}

std::string IsMirroredSql(const std::string& release, std::int64_t seq) {
  return fmt::format("SELECT EXISTS (SELECT FROM switchback.journal WHERE release = {} AND seq = {})",
                     pg::Literal(release), seq);
}

std::vector<std::string> MirroredLines(pg::Connection& connection, const std::string& release) {
  const auto rows = connection.Query(Sql(sql_text::kMirroredLines), {release});
  std::vector<std::string> lines;
  for (int i = 0; i < rows.rows(); ++i) lines.push_back(rows.Text(i, 0));
  return lines;
}

void CheckMirrorIsPrefix(const Journal& journal, const std::vector<std::string>& mirrored) {
  for (std::size_t i = 0; i < mirrored.size(); ++i) {
    if (i < journal.events().size() && ToLine(journal.events()[i]) == mirrored[i]) continue;
    throw base::Error(base::Code::kJournalBusy, fmt::format("another process went on with {}", journal.path().string()))
        .Detail(fmt::format("line {} of its mirror is another one than was known", i + 1));
  }
}

void EnterRelease(pg::Connection& connection, const ReleaseRow& row) {
  connection.Query(Sql(sql_text::kEnterRelease),
                   {row.release, row.plan_digest, row.system_identifier, row.hex, row.claims.dump()});
}

void StoreTouched(pg::Connection& connection, const std::string& release, const base::Json& described) {
  connection.Query(Sql(sql_text::kStoreTouched), {release, described.dump()});
}

std::optional<base::Json> LoadTouched(pg::Connection& connection, const std::string& release) {
  const auto found = connection.Query(Sql(sql_text::kLoadTouched), {release});
  if (found.rows() == 0 || found.IsNull(0, 0)) return std::nullopt;
  return base::ParseJson(found.Text(0, 0), "switchback.release.touched");
}

std::vector<HeldTouched> HoldTouched(pg::Connection& connection, const std::string& release) {
  const auto rows = connection.Query(Sql(sql_text::kHoldTouched), {release});
  std::vector<HeldTouched> held;
  for (int i = 0; i < rows.rows(); ++i) {
    held.push_back({rows.Text(i, 0), std::nullopt});
    if (!rows.IsNull(i, 1)) held.back().touched = base::ParseJson(rows.Text(i, 1), "switchback.release.touched");
  }
  return held;
}

std::vector<std::pair<std::string, base::Json>> ReadClaims(pg::Connection& connection, const std::string& but) {
  const auto rows = connection.Query(Sql(sql_text::kReadReleases), {but});
  std::vector<std::pair<std::string, base::Json>> claims;
  for (int i = 0; i < rows.rows(); ++i) {
    claims.emplace_back(rows.Text(i, 0), base::ParseJson(rows.Text(i, 1), "switchback.release.claims"));
  }
  return claims;
}

void EnterRunner(pg::Connection& connection, std::string_view secret) {
  connection.Query(Sql(sql_text::kEnterRunner), {base::PublicKeyOf(secret), base::HostName()});
}

Keys ReadRunners(pg::Connection& connection) {
  Keys keys;
  if (!SchemaCurrent(connection)) return keys;
  const auto rows = connection.Query(Sql(sql_text::kReadRunners));
  for (int i = 0; i < rows.rows(); ++i) keys.insert(rows.Text(i, 0));
  return keys;
}

void StoreFile(pg::Connection& connection, const std::string& release, const std::string& name,
               const std::string& content) {
  connection.Query(Sql(sql_text::kStoreFile), {release, name, content});
}

std::optional<std::string> LoadFile(pg::Connection& connection, const std::string& release, const std::string& name) {
  if (!SchemaCurrent(connection)) return std::nullopt;
  const auto rows = connection.Query(Sql(sql_text::kLoadFile), {release, name});
  return rows.rows() == 0 ? std::nullopt : rows.Optional(0, 0);
}

std::optional<Ending> ReadEnding(pg::Connection& connection, const std::string& release, const std::string& plan) {
  if (!SchemaCurrent(connection)) return std::nullopt;
  const auto rows = connection.Query(Sql(sql_text::kReadEnding), {release, plan});
  if (rows.rows() == 0) return std::nullopt;
  return Ending{rows.Text(0, 0), rows.Text(0, 1)};
}

}  // namespace journal
