#include "release/scaffold.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "release/project.h"

namespace release {
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

constexpr std::string_view kReleaseYaml = R"yaml(version: 1
title: {title}
owner:                  # who decides the way back: a person or a team that answers; without one there is no rollout
rollback_window: 24h    # how long every way back is kept working once the new version is out
change: change.sql      # the wanted end state, as ordinary SQL

# What a new column is made of, and back, where that is not a plain copy or a cast. Both read their own row only.
# transforms:
#   users:
#     display_name: {{up: "btrim(name)", down: "display_name"}}

# What runs before and after, with the statements that it sends.
# applications:
#   web:
#     before: {{version: 1.0.0, queries: queries/web-1.0.0.sql}}
#     after:  {{version: 1.1.0, queries: queries/web-1.1.0.sql, application_name: web-1.1.0}}

# Questions that must have the same answer before and after each phase.
# invariants:
#   - {{name: no order without a customer, sql: "select count(*) from orders where customer_id is null", expect: 0}}

# What ends the rollout while the rollback window is open.
# rollback_conditions:
#   - {{name: negative totals, sql: "select count(*) from orders where total < 0", max: 0, then: undo}}

# The way back of statements that no rule knows, by their number in change.sql, and what they write.
# opaque:
#   - {{statement: 1, down: "...", writes: {{orders: [total]}}}}

# Columns that applications add to: a conflict of a restore may be decided by what they added.
# additive:
#   accounts: [balance]
)yaml";

constexpr std::string_view kChangeSql =
    "-- The wanted end state, written as if nobody used the database: `switchback plan` makes it into small steps.\n"
    "--\n"
    "-- ALTER TABLE users RENAME COLUMN name TO display_name;\n"
    "-- ALTER TABLE users ALTER COLUMN age TYPE bigint;\n";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void CheckName(const std::string& name) {
  constexpr std::size_t kLongest = 60;
  const bool plain = std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-'; });
  if (plain && !name.empty() && name.size() <= kLongest && name.front() != '-' && name.back() != '-') return;
  throw base::Error(base::Code::kBadReleaseName, fmt::format("\"{}\" is no name for a release", name));
}

// "20261122-display-name"; a name that begins with a date keeps it.
std::string Dated(const std::string& name) {
  const bool dated = name.size() > 9 && name[8] == '-' && std::all_of(name.begin(), name.begin() + 8, IsDigit);
  if (dated) return name;
  std::string date = base::FormatTime(base::Now()).substr(0, 10);
  std::erase(date, '-');
  return fmt::format("{}-{}", date, name);
}

std::string TitleOf(std::string name) {
  std::ranges::replace(name, '-', ' ');
  if (name.front() >= 'a' && name.front() <= 'z') name.front() = static_cast<char>(name.front() - 'a' + 'A');
  return fmt::format("\"{}\"", name);
}

// A double-quoted YAML scalar reads JSON's escapes.
std::string Quoted(const std::string& text) {
  return base::Json(text).dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

}  // namespace

std::string ProjectYaml(const std::string& repository) {
  using std::chrono::duration_cast;
  using std::chrono::hours;
  using std::chrono::seconds;
  const Policy policy;
  const Throttle throttle;
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

std::string NewReleaseName(const std::string& given) {
  CheckName(given);
  return Dated(given);
}

void WriteScaffold(const std::filesystem::path& directory, const std::string& name) {
  base::MakeDirectories(directory / "queries", 0755);
  base::WriteFile(directory / "queries" / ".gitkeep", "");
  base::WriteFile(directory / "change.sql", kChangeSql);
  // Last, because it is what makes the directory a release.
  base::WriteFile(directory / "release.yaml",
                  fmt::format(fmt::runtime(kReleaseYaml), fmt::arg("title", TitleOf(name))));
}

}  // namespace release
