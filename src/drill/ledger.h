#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace drill {

// A write to one row: `write` is its unique id, which stands in the row's column written_by; `values` is what it wrote.
struct LedgerWrite {
  std::string table;
  std::int64_t row = 0;
  std::string write;
  base::Json values;
};

// What became of one request. kUnknown: the connection broke before the answer came, so a write may or may not be
// there.
enum class Outcome { kOk, kFailed, kUnknown };

struct LedgerLine {
  std::int64_t at_us = 0;  // when the answer was known, microseconds since 1970
  std::string instance;
  std::string version;
  std::string request;
  Outcome outcome = Outcome::kOk;
  std::string error;  // SQLSTATE, or what was wrong with the answer
  std::optional<LedgerWrite> write;
};

// The book of one application instance, outside the database: one JSON line a request, appended (O_APPEND) after the
// answer, for a write after that of its COMMIT. It is not synced: it has to survive its process, not the machine.
class Ledger {
 public:
  explicit Ledger(const std::filesystem::path& path);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();
  void Append(const LedgerLine& line);

 private:
  std::filesystem::path path_;
  int fd_;
};

// All lines of all *.ledger files of a directory, in the order of their time. A torn last line is left out.
std::vector<LedgerLine> ReadLedgers(const std::filesystem::path& directory);

}  // namespace drill
