#include "cli/project_template.h"

#include <fmt/core.h>

#include <chrono>
#include <string_view>

#include "base/json.h"
#include "release/project.h"

namespace cli {
namespace {

constexpr std::string_view kYaml = R"yaml(version: 1

# Where releases go. The connection string is in a variable: --database and DATABASE_URL come before it, PG* variables after it.
environments:
  default:
#   database_env: PROD_URL
#   policy: {{lock_timeout: 500ms}}

# The role that makes releases: no superuser, and a member of the tables' owners. `switchback init --print-grants` makes it.
# role: deploy
# Roles whose code may run with its rights all the same; docs/guides/connect.md says what that means.
# trust: [{{role: app_owner, reason: its triggers are part of our schema}}]

# A folder that the database server's archive command writes into.
backup:
  provider: local
  repository: {repository}

# What the gates ask for, and how steps behave. These are the defaults.
policy:
#  backup_max_age: {backup_hours}h      # a checkpoint takes a new base backup when the last one is older
#  backup_max_wal: {backup_gb}GB      # or when a restore would have to replay more WAL than this
#  checkpoint_max_age: {checkpoint_hours}h   # at the gate of expand
#  lock_timeout: {lock_seconds}s         # of every step that takes a lock
#  lock_retries: {retries}         # with growing pauses, before a step gives up
#  lock_budget: {budget_seconds}s          # that applications wait behind such attempts at most, in any 60 s
#  index_lock_timeout: {index_minutes}m  # of concurrent index builds, which wait for the transactions of others
#  slot_max_bytes: {slot_gb}GB      # WAL that the checkpoint's slot may hold back before the server drops it
#  row_values: withheld     # values and keys of rows in messages, journal and evidence; shown: as they are

# What a backfill waits for; docs/formats/project.md has all limits. `off` switches one off.
# throttle: {{replica_lag: {lag_seconds}s, free_disk: {disk_gb}GB, lock_waiters: {waiters}}}

# state_dir: .switchback     # journals, checkpoints and evidence; not in Git
)yaml";

// A double-quoted YAML scalar reads JSON's escapes.
std::string Quoted(const std::string& text) {
  return base::Json(text).dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

}  // namespace

std::string ProjectYaml(const std::string& repository) {
  using std::chrono::duration_cast;
  using std::chrono::hours;
  using std::chrono::seconds;
  const release::Policy policy;
  const release::Throttle throttle;
  return fmt::format(fmt::runtime(kYaml), fmt::arg("repository", Quoted(repository)),
                     fmt::arg("backup_hours", duration_cast<hours>(policy.backup_max_age).count()),
                     fmt::arg("backup_gb", policy.backup_max_wal >> 30),
                     fmt::arg("checkpoint_hours", duration_cast<hours>(policy.checkpoint_max_age).count()),
                     fmt::arg("lock_seconds", duration_cast<seconds>(policy.lock_timeout).count()),
                     fmt::arg("budget_seconds", duration_cast<seconds>(policy.lock_budget).count()),
                     fmt::arg("lag_seconds", duration_cast<seconds>(*throttle.replica_lag).count()),
                     fmt::arg("disk_gb", *throttle.free_disk >> 30), fmt::arg("waiters", *throttle.lock_waiters),
                     fmt::arg("retries", policy.lock_retries),
                     fmt::arg("index_minutes", duration_cast<std::chrono::minutes>(policy.index_lock_timeout).count()),
                     fmt::arg("slot_gb", policy.slot_max_bytes >> 30));
}

}  // namespace cli
