#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/process.h"

namespace test {

// Runs the built program in a directory, with no database named by the environment unless `env` does.
base::Finished Switchback(const std::filesystem::path& cwd, const std::vector<std::string>& words,
                          const std::map<std::string, std::string>& env = {});

// The same with --json: its envelope. A test fails where stdout is not one JSON document or its `exit` is not the exit
// status.
base::Json Envelope(const std::filesystem::path& cwd, std::vector<std::string> words,
                    const std::map<std::string, std::string>& env = {});

// A new empty directory, removed at the end.
class Directory {
 public:
  Directory();
  ~Directory();
  Directory(const Directory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace test
