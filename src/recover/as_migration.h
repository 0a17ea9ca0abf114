#pragma once

#include <fmt/core.h>

#include <filesystem>
#include <string>

#include "journal/tag.h"
#include "pg/connection.h"
#include "pg/quote.h"
#include "plan/plan.h"

namespace recover {

// For tests: statements in a transaction that is tagged as the release's.
inline void AsMigration(pg::Connection& connection, const std::filesystem::path& state, const plan::Plan& plan,
                        const std::string& sql) {
  const std::string tag = journal::MakeTag(journal::RunSecret(state), {.release = plan.release});
  connection.Exec(
      fmt::format("BEGIN; SELECT pg_logical_emit_message(true, 'switchback', {}); {}; COMMIT", pg::Literal(tag), sql));
}

}  // namespace recover
