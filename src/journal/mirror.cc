#include "journal/mirror.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/failpoint.h"
#include "journal/sql_text.h"
#include "pg/quote.h"
#include "pg/transaction.h"

namespace journal {
namespace {

std::string Sql(std::string_view text) { return std::string(text); }

}  // namespace

void InstallSchema(pg::Connection& connection) {
  if (SchemaCurrent(connection)) return;
  try {
    pg::Transaction transaction(connection);
    // Two first runs at once: CREATE ... IF NOT EXISTS alone can collide.
    connection.Exec("SELECT pg_advisory_xact_lock(hashtext('switchback schema'))");
    connection.Exec(Sql(sql_text::kSchema));
    base::Failpoint(base::FailpointId::kJournalBeforeInstall);
    transaction.Commit();
  } catch (base::Error& error) {
    if (error.code() != base::Code::kPrivilege) throw;
    const auto where = connection.Exec("SELECT current_database(), current_user");
    error.Hint(fmt::format("As the owner of the database: GRANT CREATE ON DATABASE {} TO {};",
                           pg::Ident(where.Text(0, 0)), pg::Ident(where.Text(0, 1))));
    throw;
  }
}

bool SchemaInstalled(pg::Connection& connection) { return connection.Exec(Sql(sql_text::kSchemaInstalled)).Bool(0, 0); }

bool SchemaCurrent(pg::Connection& connection) { return connection.Exec(Sql(sql_text::kSchemaCurrent)).Bool(0, 0); }

void MirrorLines(pg::Connection& connection, const std::string& release, const Journal& journal, std::int64_t through) {
  const auto have = connection.Query(Sql(sql_text::kMirroredCount), {release}).Int(0, 0);
  for (const Event& event : journal.events()) {
    if (event.seq <= have || event.seq > through) continue;
    connection.Query(Sql(sql_text::kMirrorLine), {release, std::to_string(event.seq), ToLine(event)});
  }
  base::Failpoint(base::FailpointId::kJournalMirrored);
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
    throw base::Error(base::Code::kJournalForked,
                      fmt::format("{} does not hold what the database has of it", journal.path().string()))
        .Detail(i < journal.events().size()
                    ? fmt::format("line {} differs from its mirror", i + 1)
                    : fmt::format("it has {} lines, its mirror {}", journal.events().size(), mirrored.size()));
  }
}

void EnterRelease(pg::Connection& connection, const ReleaseRow& row) {
  connection.Query(Sql(sql_text::kEnterRelease), {row.release, row.plan_digest, row.system_identifier, row.hex});
}

void StoreTouched(pg::Connection& connection, const std::string& release, const base::Json& described) {
  connection.Query(Sql(sql_text::kStoreTouched), {release, described.dump()});
}

std::optional<base::Json> LoadTouched(pg::Connection& connection, const std::string& release) {
  const auto found = connection.Query(Sql(sql_text::kLoadTouched), {release});
  if (found.rows() == 0 || found.IsNull(0, 0)) return std::nullopt;
  return base::ParseJson(found.Text(0, 0), "switchback.release.touched");
}

}  // namespace journal
