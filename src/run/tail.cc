#include "run/tail.h"

#include "base/error.h"
#include "base/log.h"
#include "journal/mirror.h"
#include "pg/transaction.h"
#include "run/own.h"

namespace run {
void MirrorTail(pg::Connection& connection, const Session& session) noexcept {
  try {
    if (connection.Broken() || !journal::SchemaInstalled(connection)) return;
    pg::Transaction transaction(connection);
    MarkAsOwn(connection, session.tag_secret, {.release = session.plan.release});
    journal::MirrorLines(connection, session.plan.release, session.journal,
                         journal::MirrorableThrough(session.journal));
    transaction.Commit();
  } catch (const std::exception& error) {
    base::Debug("the journal's last lines are not in its mirror yet: {}", error.what());
  }
}

}  // namespace run
