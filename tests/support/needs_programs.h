#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/server.h"

namespace test {

// For GTEST_SKIP: "PostgreSQL 14 comes without pg_basebackup" where the tests' PostgreSQL lacks some of its programs.
// Only rooms that may use `sandbox` include this.
inline std::optional<std::string> MissingPrograms(const std::vector<std::string>& programs) {
  const sandbox::Binaries binaries = sandbox::FindBinaries();
  std::string missing;
  for (const std::string& program : programs) {
    if (!std::filesystem::exists(binaries.Program(program))) missing += (missing.empty() ? "" : ", ") + program;
  }
  if (missing.empty()) return std::nullopt;
  return fmt::format("PostgreSQL {} comes without {}", binaries.major, missing);
}

}  // namespace test
