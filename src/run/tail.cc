#include "run/tail.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include "base/log.h"
#include "journal/mirror.h"
#include "pg/lock_watch.h"
#include "pg/transaction.h"
#include "run/identity.h"
#include "run/own.h"
#include "run/rewind.h"
#include "run/sql_text.h"

namespace run {
namespace {

constexpr auto kPatience = std::chrono::seconds(2);

// Who has the lease goes on from the lines that it knows.
bool NobodyRuns(pg::Connection& connection, const std::string& release) {
  pg::SetLockTimeout(connection, kPatience);
  connection.Query(std::string(sql_text::kLeaseEnter), {release});
  return connection.Query(std::string(sql_text::kLeaseFree), {release}).rows() == 1;
}

// A server that was promoted behind what was done, or another database, did not see what the lines tell: they would be
// believed there.
bool IsWhereItHappened(pg::Connection& connection, const journal::Journal& journal) {
  const journal::Event* opened = journal.Last("opened");
  if (opened == nullptr) return true;
  const Identity here = ReadIdentity(connection);
  return opened->body.value("system_identifier", "") == here.system_identifier &&
         opened->body.value("database", "") == here.database && TimelineOf(journal, *opened) == here.timeline;
}

}  // namespace

void MirrorTail(pg::Connection& connection, const Session& session,
                const std::map<std::string, std::string>& files) noexcept {
  try {
    const std::string& release = session.plan.release;
    if (connection.Broken() || connection.InTransaction() || !journal::SchemaCurrent(connection)) return;
    const auto mirrored = static_cast<std::int64_t>(journal::MirroredLines(connection, release).size());
    const bool same = std::ranges::all_of(
        files, [&](const auto& file) { return journal::LoadFile(connection, release, file.first) == file.second; });
    if (journal::MirrorableThrough(session.journal) <= mirrored && same) return;
    if (!IsWhereItHappened(connection, session.journal)) return;
    pg::Transaction transaction(connection);
    MarkAsOwn(connection, session.tag_secret, {.release = release});
    journal::EnterRunner(connection, session.tag_secret);
    if (!NobodyRuns(connection, release)) return;
    session.journal.Follow(journal::MirroredLines(connection, release));
    session.journal.Settle();
    journal::MirrorLines(connection, release, session.journal, journal::MirrorableThrough(session.journal));
    for (const auto& [name, text] : files) journal::StoreFile(connection, release, name, text);
    transaction.Commit();
  } catch (const std::exception& error) {
    base::Debug("the journal's last lines are not in its mirror yet: {}", error.what());
  }
}

}  // namespace run
