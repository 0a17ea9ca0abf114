#include "pg/victim.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "pg/sql_text.h"

namespace pg {

using std::chrono::milliseconds;

bool BeTheVictim(Connection& connection) {
  try {
    connection.Exec("SET deadlock_timeout = '50ms'");
    return true;
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kPrivilege) throw;
    base::Debug("deadlock_timeout: {}", error.message());
    return false;
  }
}

milliseconds WaitAmongLocks(Connection& connection, milliseconds lock_timeout) {
  const milliseconds others(connection.Exec(std::string(sql_text::kDeadlockTimeout)).Int(0, 0));
  return std::clamp(others / 2, milliseconds(1), lock_timeout);
}

}  // namespace pg
