#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/process.h"

namespace backup::barman {

// What its programs get of the environment: its own options, and the key to other hosts.
inline const std::vector<std::string> kEnvironment = {"BARMAN_*", "SSH_AUTH_SOCK"};

struct Options {
  std::string server;  // the section of Barman's configuration
  std::string config;  // path of barman.conf; empty: where Barman looks by itself
};

// The program. It changes to the account that its configuration names, so it is started as we are: by root, or by that
// account.
class Tool {
 public:
  explicit Tool(Options options) : options_(std::move(options)) {}

  // `command` with its options, the server, and what stands behind it.
  [[nodiscard]] base::Finished Run(const std::string& command, const std::vector<std::string>& flags = {},
                                   const std::vector<std::string>& after = {},
                                   std::chrono::milliseconds deadline = std::chrono::minutes(10)) const;
  // One segment's content, whatever the archive's compression; nothing: it is not there.
  [[nodiscard]] std::optional<std::string> Segment(const std::string& segment) const;
  // For a server's restore_command: brings %f to %p, as the account of Barman that the server runs as.
  [[nodiscard]] std::string RestoreLine() const;
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  [[nodiscard]] std::vector<std::string> Words() const;
  Options options_;
};

// A failure of the tool, with all that it said. `code` is what it means here, unless the words say it better:
// kRepositoryBusy, kNoSpace.
base::Error Failure(base::Code code, const std::string& command, const base::Finished& finished);

}  // namespace backup::barman
