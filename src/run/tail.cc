#include "run/tail.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include "base/log.h"
#include "journal/mirror.h"
#include "pg/lock_watch.h"
#include "pg/transaction.h"
#include "run/own.h"
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
