#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "pg/connection.h"
#include "release/project.h"
#include "release/release.h"
#include "rollout/open_release.h"

namespace cli {

// What a verb works on: the project around the working directory, its environment, the release that the argument
// RELEASE names, and the database. Each is found when it is first asked for, and noted in the invocation's scope.
class Context {
 public:
  // `start`: where to look for the project from.
  explicit Context(const Invocation& invocation, std::filesystem::path start = ".")
      : invocation_(invocation), start_(std::move(start)) {}

  [[nodiscard]] const Invocation& invocation() const { return invocation_; }
  // Throw as release::LoadProject, FindRelease and LoadRelease do. Where RELEASE is a path, its own project is taken.
  const release::Project& project();
  const release::Release& release();
  // ROOT/.switchback/ENVIRONMENT/RELEASE; not created.
  std::filesystem::path StateDirectory();

  // --database > DATABASE_URL > the variable that the environment names > PG* variables. Throws kNoDatabase.
  // With the roles that switchback.yaml, and release.yaml where the command names a release, trust, and with the limits
  // of the policy: nothing waits for a lock longer than lock_timeout, but where it says so itself.
  // A command that changes something tells its heading then.
  pg::ConnectOptions Database();
  // Nothing: none was named.
  std::optional<pg::ConnectOptions> DatabaseIfNamed();
  // Connects to it, for reading. Throws what rollout::Connect throws.
  pg::Connection Connect();
  // Everything of the release, for who moves it; what is told goes to the log, and the progress of a run to stderr.
  rollout::Opening Opening();

 private:
  pg::ConnectOptions WithLimits(pg::ConnectOptions options, const release::Environment& environment);
  std::optional<rollout::Before> Before();

  const Invocation& invocation_;
  std::filesystem::path start_;
  std::optional<release::Project> project_;
  std::optional<release::Release> release_;
  std::shared_ptr<pg::LockBudget> lock_budget_;  // of all that the command does
};

// For every command, also one that connects to nothing: the process list shows what --database says. Throws
// kPasswordOnCommandLine, kBadConnectionString.
void RefusePassword(const Invocation& invocation);

// --env, else SWITCHBACK_ENV.
release::Asked EnvironmentOf(const Invocation& invocation);

// Tells people on stderr what the command works on, once; with --json and --quiet nothing.
void TellHeading(const Invocation& invocation);

// The rule of Context::Database; `environment` may be null, where there is no project.
pg::ConnectOptions ChooseDatabase(const Invocation& invocation, const release::Environment* environment);

}  // namespace cli
