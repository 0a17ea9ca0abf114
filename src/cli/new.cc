#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace cli {
namespace {

namespace fs = std::filesystem;

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

Outcome RunNew(const Invocation& invocation) {
  const std::string given = invocation.Argument("NAME");
  CheckName(given);
  const std::string name = Dated(given);
  Context context(invocation);
  const fs::path directory = context.project().root / "releases" / name;
  invocation.scope->release = name;
  std::error_code ignored;
  if (fs::exists(directory, ignored)) {
    throw base::Error(base::Code::kReleaseExists,
                      fmt::format("{} exists already", release::ShownPath(directory).string()));
  }
  base::MakeDirectories(directory / "queries", 0755);
  base::WriteFile(directory / "queries" / ".gitkeep", "");
  base::WriteFile(directory / "change.sql", kChangeSql);
  // Last, because it is what makes the directory a release.
  base::WriteFile(directory / "release.yaml",
                  fmt::format(fmt::runtime(kReleaseYaml), fmt::arg("title", TitleOf(given))));
  const std::string shown = release::ShownPath(directory).string();
  return {
      .result = {{"name", name}, {"directory", directory.string()}},
      .text = fmt::format("made {0}/release.yaml, {0}/change.sql and {0}/queries/", shown),
      .next = fmt::format("write {}/change.sql, name an owner in release.yaml, then: switchback plan {}", shown, name)};
}

}  // namespace

Command New() {
  return {.name = "new",
          .summary = "Make the scaffold of a release",
          .arguments = {{.name = "NAME", .help = "lowercase letters, digits and -; today's date is put before it"}},
          .text = "Writes releases/YYYYMMDD-NAME with release.yaml, change.sql and queries/. Nothing else is touched.",
          .verb = RunNew};
}

}  // namespace cli
