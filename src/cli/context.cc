#include "cli/context.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/redact.h"
#include "cli/progress.h"
#include "cli/who.h"
#include "journal/journal.h"
#include "journal/position.h"
#include "pg/lock_budget.h"

namespace cli {
namespace {

std::string Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

// libpq decides by itself from these; with none of them set it would take a local server and the user's own name, which
// nobody asked for.
bool LibpqIsTold() {
  constexpr std::array kVariables = {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"};
  return std::ranges::any_of(kVariables, [](const char* name) { return !Variable(name).empty(); });
}

pg::ConnectOptions Named(const Invocation& invocation, const release::Environment* environment) {
  pg::ConnectOptions options;
  if (invocation.database) {
    options.conninfo = *invocation.database;
    return options;
  }
  options.conninfo = Variable("DATABASE_URL");
  if (!options.conninfo.empty()) return options;
  if (environment != nullptr && !environment->database_env.empty()) {
    options.conninfo = Variable(environment->database_env);
    if (!options.conninfo.empty()) return options;
    // Going on to PG* here could change another database than the one that the environment means.
    throw base::Error(base::Code::kNoDatabase,
                      fmt::format("the environment {} takes its database from {}, which is not set", environment->name,
                                  environment->database_env))
        .Hint(fmt::format("Set {}, or give --database.", environment->database_env));
  }
  if (!LibpqIsTold()) throw base::Error(base::Code::kNoDatabase, "no database was named");
  return options;
}

bool Ended(const std::filesystem::path& state) {
  try {
    return journal::Closed(journal::Journal::Open(state).events()) != nullptr;
  } catch (const base::Error&) {
    return false;  // what is wrong with it is said where it is worked on
  }
}

std::filesystem::path Find(const release::Project& project, const Invocation& invocation) {
  const std::string argument = invocation.Argument("RELEASE");
  if (invocation.changes) return release::FindRelease(project, argument);
  return release::FindRelease(project, argument,
                              [&project](const std::string& name) { return Ended(project.StateOf(name)); });
}

}  // namespace

release::Asked EnvironmentOf(const Invocation& invocation) {
  if (!invocation.environment.empty()) return {.environment = invocation.environment};
  return {.environment = Variable("SWITCHBACK_ENV"), .by = "SWITCHBACK_ENV"};
}

void TellHeading(const Invocation& invocation) {
  Scope& scope = *invocation.scope;
  const std::string heading = scope.Heading();
  if (scope.told || invocation.json || heading.empty() || !base::Shows(base::LogLevel::kInfo)) return;
  base::Info("{}", heading);
  scope.told = true;
}

void RefusePassword(const Invocation& invocation) {
  if (invocation.database && pg::HasPassword(*invocation.database))
    throw base::Error(base::Code::kPasswordOnCommandLine, "--database holds a password");
}

pg::ConnectOptions ChooseDatabase(const Invocation& invocation, const release::Environment* environment) {
  pg::ConnectOptions options = Named(invocation, environment);
  const pg::Address address = pg::AddressOf(options.conninfo);
  invocation.scope->database = address.database;
  invocation.scope->host = address.host;
  return options;
}

const release::Project& Context::project() {
  if (!project_) {
    const std::string argument = invocation_.Argument("RELEASE");
    std::error_code ignored;
    const bool elsewhere = IsPath(argument) && std::filesystem::is_directory(argument, ignored);
    project_ = release::LoadProject(elsewhere ? std::filesystem::path(argument) : start_, EnvironmentOf(invocation_));
    invocation_.scope->environment = project_->environment.name;
    base::ShowRowValues(project_->environment.policy.row_values_shown, "");
  }
  return *project_;
}

const release::Release& Context::release() {
  if (!release_) {
    release_ = release::LoadRelease(Find(project(), invocation_));
    invocation_.scope->release = release_->name;
  }
  return *release_;
}

std::filesystem::path Context::StateDirectory() {
  const std::filesystem::path state = project().StateOf(release().name);
  if (const auto secret = base::ReadFileIfExists(state / "run.secret")) {
    base::ShowRowValues(project().environment.policy.row_values_shown, *secret);
  }
  return state;
}

pg::ConnectOptions Context::WithLimits(pg::ConnectOptions options, const release::Environment& environment) {
  if (!lock_budget_) lock_budget_ = std::make_shared<pg::LockBudget>(environment.policy.lock_budget);
  options.lock_budget = lock_budget_;
  options.stop = &base::InterruptFlag();
  options.lock_timeout = environment.policy.lock_timeout;
  for (const release::Trusted& trusted : environment.trust) options.trusts.push_back(trusted.role);
  if (!invocation_.Argument("RELEASE").empty()) {
    for (const release::Trusted& trusted : release().trust) options.trusts.push_back(trusted.role);
  }
  return options;
}

pg::ConnectOptions Context::Database() {
  const release::Environment& environment = project().environment;
  pg::ConnectOptions options = WithLimits(ChooseDatabase(invocation_, &environment), environment);
  if (invocation_.changes) TellHeading(invocation_);
  return options;
}

// Its own variable only: --database and DATABASE_URL name this environment's.
std::optional<rollout::Before> Context::Before() {
  const std::string& after = project().environment.after;
  if (after.empty()) return std::nullopt;
  rollout::Before before{.project = release::LoadProject(project().root, {.environment = after})};
  const release::Environment& environment = before.project.environment;
  const std::string url = environment.database_env.empty() ? "" : Variable(environment.database_env);
  if (!url.empty()) before.target = WithLimits({.conninfo = url}, environment);
  return before;
}

std::optional<pg::ConnectOptions> Context::DatabaseIfNamed() {
  try {
    return Database();
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kNoDatabase) throw;
    return std::nullopt;
  }
}

pg::Connection Context::Connect() { return rollout::Connect(Database(), project().environment); }

rollout::Opening Context::Opening() {
  const release::Release& opened = release();
  StateDirectory();
  return {.project = project(),
          .release = opened,
          .by = WhoAsks(opened.directory),
          .target = Database(),
          .before = Before(),
          .tell = [](base::LogLevel level, const std::string& text) { base::LogMessage(level, text); },
          .progress = [printer = std::make_shared<ProgressPrinter>(ProgressPrinter::FormFor(invocation_.json))](
                          const run::Progress& progress) { printer->Tell(progress); }};
}

}  // namespace cli
