#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

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

// What a base backup and a restore are made with.
inline const std::vector<std::string> kBackupPrograms = {"pg_basebackup", "pg_controldata", "pg_verifybackup",
                                                         "pg_waldump"};

// With testing::AddGlobalTestEnvironment: skips all tests of a program that cannot do without backups. GoogleTest
// counts them as passed; ctest goes by the words that it would have said of a single one.
class NeedsBackups : public testing::Environment {
 public:
  void SetUp() override {
    if (const auto missing = MissingPrograms(kBackupPrograms)) GTEST_SKIP() << "[  SKIPPED ] " << *missing;
  }
};

}  // namespace test
