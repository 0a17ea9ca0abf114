#include "recover/diagnose.h"

#include <fmt/core.h>

#include <filesystem>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "journal/mirror.h"
#include "rollout/plan_file.h"
#include "run/look.h"

namespace cli {
namespace {

// A value, or nothing and a problem more.
template <typename Load>
auto Try(std::vector<std::string>& problems, const Load& load) -> std::optional<decltype(load())> {
  try {
    return load();
  } catch (const base::Error& error) {
    problems.push_back(fmt::format("{}: {}{}{}", base::CodeText(error.code()), error.message(),
                                   error.detail().empty() ? "" : ": ", error.detail()));
    return std::nullopt;
  }
}

std::optional<recover::RestorePoint> PointOf(const std::optional<checkpoint::Checkpoint>& checkpoint) {
  if (!checkpoint) return std::nullopt;
  return recover::RestorePoint{.name = checkpoint->point.name,
                               .lsn = checkpoint->point.lsn.Text(),
                               .backup = checkpoint->backup_id,
                               .taken_at = checkpoint->time};
}

Outcome RunDiagnose(const Invocation& invocation) {
  Context context(invocation);
  const release::Release& release = context.release();
  const std::filesystem::path state = context.StateDirectory();
  std::vector<std::string> problems;
  std::vector<std::string> unreachable;
  std::optional<pg::Connection> connection = Try(unreachable, [&context] { return context.Connect(); });

  const auto checkpoint = Try(problems, [&state] { return checkpoint::Find(state); }).value_or(std::nullopt);
  const auto journal = Try(problems, [&connection, &release, &state] {
    return connection ? run::OpenJournal(*connection, release.name, state) : journal::Journal::Open(state);
  });
  const auto plan = Try(problems, [&connection, &release, &journal] {
                      return journal ? rollout::FindPlan(release, *journal, connection ? &*connection : nullptr)
                                     : rollout::LoadPlan(release);
                    }).value_or(std::nullopt);
  if (!plan && problems.empty()) problems.push_back("There is no plan.lock.json.");

  const recover::Case subject{.release = release,
                              .plan = plan ? &*plan : nullptr,
                              .journal = journal ? &*journal : nullptr,
                              .checkpoint = PointOf(checkpoint),
                              .problems = problems,
                              .now = base::Now()};
  const recover::Diagnosis diagnosis =
      recover::Diagnose(subject, connection ? &*connection : nullptr, unreachable.empty() ? "" : unreachable.front());
  return {.result = recover::ToJson(diagnosis),
          .text = recover::Text(diagnosis),
          .next = diagnosis.next.empty() ? "" : diagnosis.next.front().command};
}

}  // namespace

Command Diagnose() {
  return {.name = "diagnose",
          .summary = "Say which step failed, what was partly applied, which rows are wrong, and what to do",
          .arguments = {{.name = "RELEASE", .help = "the release"}},
          .text = "Changes nothing. Where the database does not answer, the journal alone speaks, and that is said.",
          .verb = RunDiagnose};
}

}  // namespace cli
