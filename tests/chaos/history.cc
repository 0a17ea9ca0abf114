#include "history.h"

#include <fmt/core.h>

namespace chaos {

void History::Tell(const std::string& line) {
  const auto since = std::chrono::steady_clock::now() - began_;
  lines_.push_back(fmt::format("{:6.1f} s  {}", std::chrono::duration<double>(since).count(), line));
}

void History::Fail(const std::string& what) {
  failures_.push_back(what);
  Tell("FAILED: " + what);
}

}  // namespace chaos
