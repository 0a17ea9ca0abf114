#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"

namespace drill {

// switchback as its users run it: this program's binary as a child, in the project's directory, with --json.
class Tool {
 public:
  Tool(std::filesystem::path project, std::string database_url);

  struct Finished {
    std::string command;  // "switchback run display-name"
    int exit = 0;
    base::Json envelope;   // null where stdout is no JSON
    std::string messages;  // its stderr
    std::chrono::milliseconds took{0};
    [[nodiscard]] const base::Json& Result() const { return envelope.at("result"); }
  };
  // Whatever the exit code. Throws kInterrupted after a signal.
  Finished Run(const std::vector<std::string>& arguments);
  // Throws kDrillCommand where it exits otherwise.
  Finished Expect(const std::vector<std::string>& arguments, int exit = 0);

 private:
  std::filesystem::path project_;
  std::string database_url_;
};

}  // namespace drill
