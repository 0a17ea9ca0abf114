#include "rollout/open_release.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "base/version.h"
#include "catalog/trust.h"
#include "journal/mirror.h"
#include "journal/position.h"
#include "journal/tag.h"
#include "rollout/plan_file.h"
#include "rollout/travel.h"
#include "run/look.h"
#include "run/tail.h"

namespace rollout {
namespace {

run::Limits LimitsOf(const release::Environment& environment) {
  const release::Policy& policy = environment.policy;
  run::Limits limits;
  limits.lock_timeout = policy.lock_timeout;
  limits.lock_retries = policy.lock_retries;
  limits.throttle = environment.throttle;
  limits.concurrent_lock_timeout = policy.index_lock_timeout;
  return limits;
}

std::map<std::string, std::string> DigestsOf(const release::Release& release) {
  std::map<std::string, std::string> digests;
  for (const auto& [name, text] : release.files) digests[name] = "sha256:" + base::Sha256Hex(text);
  return digests;
}

std::map<std::string, std::string> TextsOf(const release::Release& release, const plan::Plan& plan) {
  std::map<std::string, std::string> texts = release.files;
  texts[kPlanName] = PlanText(plan);
  return texts;
}

void RequireRole(pg::Connection& connection, const release::Environment& environment) {
  if (environment.role.empty()) return;
  const std::string role = connection.Exec("SELECT session_user").Text(0, 0);
  if (role == environment.role) return;
  throw base::Error(base::Code::kOtherRole,
                    fmt::format("the session is that of the role {}, and the environment {} is for {}", role,
                                environment.name, environment.role))
      .Hint(fmt::format("Connect as {0} (PGUSER={0}, or in the connection string).", environment.role));
}

}  // namespace

pg::Connection Connect(const pg::ConnectOptions& target, const release::Environment& environment) {
  pg::Connection connection = pg::Connection::Open(target);
  RequireRole(connection, environment);
  catalog::RequireOwnSchemas(connection);
  return connection;
}

std::string EditedSince(const release::Release& release, const journal::Journal& journal) {
  const journal::Event* opened = journal.Last("opened");
  if (opened == nullptr || journal::NothingDone(journal.events())) return "";
  const base::Json files = opened->body.value("files", base::Json::object());
  const std::string now = "sha256:" + base::Sha256Hex(release.change_sql);
  const bool known = std::any_of(files.begin(), files.end(), [&](const base::Json& digest) { return digest == now; });
  if (known || files.empty()) return "";
  return fmt::format(
      "{} was edited since the release was begun; what runs is the plan of then. To run the new text go back first: "
      "`switchback rollback {}`",
      release.change_path.string(), release.name);
}

OpenRelease::OpenRelease(Opening opening)
    : opening_(std::move(opening)),
      state_(project().StateOf(release().name)),
      connection_(Connect(opening_.target, environment())),
      journal_(run::OpenJournal(connection_, release().name, state_)),
      plan_(Required(FindPlan(release(), journal_, &connection_), release())),
      session_{.connect = opening_.target,
               .plan = plan_,
               .journal = journal_,
               .tag_secret = journal::RunSecret(state_),
               .limits = LimitsOf(environment()),
               .rollback_window = release().rollback_window.value_or(std::chrono::milliseconds(0)),
               .program_version = std::string(base::kVersion),
               .environment = environment().name,
               .files = DigestsOf(release()),
               .texts = TextsOf(release(), plan_),
               .stop = opening_.target.stop,
               .progress = opening_.progress} {
  catalog::RequireTrust(connection_, plan().tables, plan::AuthorsPath(plan()));
  journal_.AskedBy(opening_.by);
  journal::KeepKeys(state_, journal::ReadRunners(connection_));
  FetchCheckpoint(connection_, release().name, journal_, state_);
  if (const std::string edited = EditedSince(release(), journal_); !edited.empty()) Warn(edited);
}

OpenRelease::~OpenRelease() {
  std::map<std::string, std::string> files;
  try {
    const bool closed = journal::Closed(journal_.events()) != nullptr;
    const auto checkpoint = closed ? std::nullopt : RecordedCheckpoint(state_, journal_);
    if (checkpoint) files[kCheckpointName] = *checkpoint;
  } catch (const std::exception& error) {
    Say(base::LogLevel::kDebug, fmt::format("{} stays where it is: {}", kCheckpointName, error.what()));
  }
  run::MirrorTail(connection_, session_, files);
}

journal::Position OpenRelease::Position() { return run::WhereItStands(connection_, plan(), journal_); }

void OpenRelease::Say(base::LogLevel level, const std::string& text) const {
  if (opening_.tell) opening_.tell(level, text);
}

}  // namespace rollout
