#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "script.h"

namespace chaos {

// What was done in a history, in words, and what was wrong.
class History {
 public:
  void Tell(const std::string& line);
  void Fail(const std::string& what);
  // An act that was done as it was meant, an accident that befell a command.
  void Count(Act act) { ++counts_[Name(act)]; }
  void Count(Accident accident) { ++counts_[Name(accident)]; }

  [[nodiscard]] bool failed() const { return !failures_.empty(); }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  [[nodiscard]] const std::map<std::string, int>& counts() const { return counts_; }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::vector<std::string> lines_;
  std::vector<std::string> failures_;
  std::map<std::string, int> counts_;
};

}  // namespace chaos
