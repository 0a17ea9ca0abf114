#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/process.h"

namespace backup::pgbackrest {

// What its programs get of the environment: its own options, and the key to hosts of repositories.
inline const std::vector<std::string> kEnvironment = {"PGBACKREST_*", "SSH_AUTH_SOCK"};

struct Options {
  std::string stanza;
  std::string config;  // path of pgbackrest.conf; empty: where pgBackRest looks by itself
  int repository = 1;  // which of the repositories that it names
};

// The program, run as the account that the server runs as. Its environment is this process's.
class Tool {
 public:
  explicit Tool(Options options);

  // `command` with its own options; the stanza and the rest that is always the same is added.
  [[nodiscard]] base::Finished Run(const std::string& command, const std::vector<std::string>& arguments = {},
                                   std::chrono::milliseconds deadline = std::chrono::minutes(10)) const;
  // The same as a line for a server's setting; `tail` stands behind it as it is.
  [[nodiscard]] std::string SettingLine(const std::string& command, const std::vector<std::string>& arguments,
                                        const std::string& tail) const;
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const std::optional<base::Account>& account() const { return account_; }

 private:
  [[nodiscard]] std::vector<std::string> Words(const std::string& command,
                                               const std::vector<std::string>& arguments) const;
  Options options_;
  std::optional<base::Account> account_;
};

// The exit statuses that mean something here; others have a name, too.
enum Exit : int {
  kNotFound = 1,
  kLockAcquire = 50,
  kFileMissing = 55,
  kArchiveMismatch = 44,
  kArchiveCommandInvalid = 68,
  kBackupSetInvalid = 75,
  kArchiveTimeout = 82,
  kArchiveDisabled = 87,
  kChecksum = 26,
};
// pgBackRest's own name of an exit status ("archive-timeout"); empty: it has none.
std::string_view ExitName(int exit);

// A failure of the tool, with all that it said. `code` is what it means here, unless the exit status or the output say
// it better: kRepositoryBusy, kNoSpace, kArchiveStuck, kArchiveOff, kArchiveElsewhere.
base::Error Failure(base::Code code, const std::string& command, const base::Finished& finished);

}  // namespace backup::pgbackrest
