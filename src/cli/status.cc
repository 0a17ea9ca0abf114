#include <fmt/core.h>

#include "base/error.h"
#include "base/time.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/unfinished.h"
#include "cli/audit.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/sql_text.h"
#include "cli/stream_term.h"
#include "journal/mirror.h"
#include "recover/unconverted.h"
#include "recover/unproven.h"
#include "rollout/advice.h"
#include "rollout/after_restore.h"
#include "rollout/plan_file.h"
#include "rollout/provider.h"
#include "rollout/restored_line.h"
#include "rollout/window.h"
#include "run/drift.h"
#include "run/look.h"

namespace cli {
namespace {

struct Standing {
  base::Json facts;
  std::string line;    // in the list
  std::string detail;  // further lines
  std::string next;
};

void AddHistory(const release::Release& release, const plan::Plan& plan, const journal::Journal& journal,
                const journal::Position& position, Standing& standing) {
  if (const journal::Event* checkpoint = journal.Last("checkpoint")) {
    standing.facts["checkpoint"] = {{"at", base::FormatTime(checkpoint->at)}, {"event", checkpoint->body}};
    standing.detail += fmt::format("\n  checkpoint: {}", base::FormatTime(checkpoint->at));
  } else {
    standing.facts["checkpoint"] = nullptr;
    standing.detail += "\n  checkpoint: none";
  }
  if (const std::optional<rollout::Window> window = rollout::WindowOf(release, plan, journal, position)) {
    const std::string text = rollout::ShowWindow(*window, base::Now());
    standing.facts["rollback_window"] = {{"opened", base::FormatTime(window->opened)}, {"text", text}};
    standing.detail += "\n  rollback window: " + text;
  }
  if (position.failed) {
    if (const journal::Event* failed = journal.Last("failed")) {
      standing.facts["failure"] = failed->body;
      const base::Json error = failed->body.value("error", base::Json::object());
      standing.detail +=
          fmt::format("\n  failure: {}", error.is_object() ? error.value("message", error.dump()) : error.dump());
    }
  }
  if (!journal.events().empty()) {
    const journal::Event& last = journal.events().back();
    standing.facts["last_event"] = {{"seq", last.seq}, {"kind", last.kind}, {"at", base::FormatTime(last.at)}};
    standing.detail +=
        fmt::format("\n  last: {} at {} (line {} of the journal)", last.kind, base::FormatTime(last.at), last.seq);
  }
}

void AddUnconverted(pg::Connection& connection, const plan::Plan& plan, Standing& standing) {
  const recover::Unconverted found = recover::ReadUnconverted(connection, plan.release, &plan);
  standing.facts["unconverted"] = {{"up", found.up}, {"down", found.count - found.up}};
  if (found.up > 0) standing.detail += fmt::format("\n  not converted: {} rows; contract waits for them", found.up);
  if (found.count > found.up) {
    standing.detail += fmt::format("\n  no way back: for {} rows, whose new value does not fit the old column",
                                   found.count - found.up);
  }
}

// What a way back left unproven; before that and after a way forward there is none of it.
void AddUnproven(pg::Connection& connection, const plan::Plan& plan, const journal::Journal& journal,
                 Standing& standing) {
  const journal::Event* last = journal.Last("outcome");
  const bool back = last != nullptr && last->body.value("direction", "") == journal::Name(journal::Direction::kReverse);
  const std::vector<recover::Unproven> unproven =
      back ? recover::ReadUnproven(connection, plan) : std::vector<recover::Unproven>();
  standing.facts["not_valid"] = recover::ToJson(unproven);
  standing.detail += recover::Text(unproven);
}

void AddBackfills(pg::Connection& connection, const plan::Plan& plan, Standing& standing) {
  standing.facts["backfills"] = base::Json::array();
  standing.facts["paused_by"] = nullptr;
  if (!journal::SchemaCurrent(connection)) return;
  const pg::Result rows = connection.Query(std::string(sql_text::kReadProgress), {plan.release});
  for (int i = 0; i < rows.rows(); ++i) {
    const std::string step = rows.Text(i, 0);
    const std::string waits = rows.Bool(i, 3) ? rows.Text(i, 4) : "";
    standing.facts["backfills"].push_back({{"step", step},
                                           {"rows", rows.Int(i, 1)},
                                           {"percent", rows.Int(i, 2)},
                                           {"runs", rows.Bool(i, 3)},
                                           {"waits_for", waits.empty() ? base::Json() : base::Json(waits)}});
    standing.detail +=
        fmt::format("\n  backfill {}: {} rows, {} % of the table{}{}", step, rows.Int(i, 1), rows.Int(i, 2),
                    rows.Bool(i, 3) ? "" : ", does not run", waits.empty() ? "" : "; waits: " + waits);
  }
  const pg::Result paused = connection.Query(std::string(sql_text::kReadPause), {plan.release});
  standing.facts["paused_by"] = paused.rows() == 0 ? base::Json() : base::Json(paused.Text(0, 0));
  if (paused.rows() > 0) {
    standing.detail += fmt::format("\n  paused: by {}; `switchback resume {}`", paused.Text(0, 0), plan.release);
  }
}

// Changes made beside the release: those of what it needs stop its way forward, and a few its way back too; the others
// are good to know. While a step is open, and after the last one, the objects may differ.
void AddDrift(pg::Connection& connection, const plan::Plan& plan, const journal::Position& position,
              Standing& standing) {
  const bool between = position.done > 0 && position.done < plan.steps.size() && !position.in_flight && !position.half;
  const run::Drift drift = between ? run::FindDrift(connection, plan) : run::Drift();
  standing.facts["drift"] = drift.forward;
  standing.facts["drift_closes_undo"] = drift.undo;
  standing.facts["changed_by_others"] = drift.notices;
  for (const std::string& sentence : drift.forward) standing.detail += "\n  changed beside the release: " + sentence;
  for (const std::string& sentence : drift.notices)
    standing.detail += "\n  changed by others, no hindrance: " + sentence;
  if (drift.forward.empty()) return;
  standing.detail += drift.undo.empty() ? "\n  it goes no further until this is taken back; its way back is open"
                                        : "\n  neither on nor back until this is taken back";
  standing.next = fmt::format("switchback diagnose {}", plan.release);
}

// What the stream shows of the release, and whether it will go on to do so. `archive`: it can be read from there too.
void AddAudits(pg::Connection& connection, const journal::Journal& journal, const StreamTerm& term, bool archive,
               Standing& standing) {
  const rollout::Audits audits = rollout::ReadAudits(journal);
  standing.facts["footprint"] = {{"steps", audits.steps},
                                 {"alarms", audits.alarms},
                                 {"unverified", audits.unverified},
                                 {"not_evidenced", audits.not_evidenced}};
  for (const std::string& alarm : audits.alarms) standing.detail += "\n  alarm: " + alarm;
  for (const base::Json& unverified : audits.unverified)
    standing.detail += "\n  " + rollout::UnverifiedText(unverified);
  for (const std::string& sentence : audits.not_evidenced) standing.detail += "\n  not evidenced: " + sentence;
  standing.facts["stream"] = nullptr;
  const std::optional<SlotStanding> slot = ReadSlotStanding(connection, journal);
  if (!slot || (term.over && !slot->lost.empty())) return;
  standing.facts["stream"] = {{"lost", slot->lost},
                              {"soon_lost", slot->soon_lost},
                              {"kept_bytes", slot->kept},
                              {"archive", archive},
                              {"over", term.over},
                              {"kept_until", term.until ? base::Json(base::FormatTime(*term.until)) : base::Json()}};
  if (term.over) standing.detail += "\n  stream: not needed any more; the next run or checkpoint drops it";
  if (term.over) return;
  if (term.complete && slot->lost.empty()) {
    standing.detail += "\n  stream: " + ShowKept(standing.facts.at("release").get<std::string>(), term);
  }
  if (!slot->lost.empty()) standing.detail += "\n  stream: lost, what it fed is not evidenced: " + slot->lost;
  if (!slot->lost.empty() && archive) {
    standing.detail += "\n  a restore reads what applications wrote from the archive instead; not tried before";
  }
  if (!slot->soon_lost.empty()) standing.detail += "\n  stream: soon lost: " + slot->soon_lost;
}

// What came of a restore. Behind a fence nothing of the release is next.
void AddAfterRestore(pg::Connection& connection, const std::string& release, const journal::Journal& journal,
                     Standing& standing) {
  const rollout::AfterRestore after = rollout::ReadAfterRestore(journal);
  const salvage::FenceNow fence = salvage::LookAtFence(connection);
  standing.facts.update(rollout::AfterRestoreFacts(after, fence));
  standing.detail += rollout::ShowAfterRestore(after, fence);
  if (fence.tables == 0) return;
  standing.line += "; applications cannot write here";
  standing.next = rollout::NextBehindFence(release, after);
}

// What only a look at the backups and at this machine can tell.
void AddCheckpointState(Context& context, const std::filesystem::path& state, Standing& standing) {
  standing.facts["restorable"] = nullptr;
  standing.facts["unfinished_restore"] = nullptr;
  if (const auto left = checkpoint::Unfinished(state, journal::Journal::Open(state))) {
    standing.facts["unfinished_restore"] = left->string();
    standing.detail +=
        fmt::format("\n  left behind: {}, by a restore that was interrupted; the next one removes it", left->string());
  }
  const std::optional<checkpoint::Checkpoint> found = checkpoint::Find(state);
  if (!found) return;
  const rollout::Restorable restorable = rollout::AskRestorable(context.project().environment, found->point);
  if (restorable.can) standing.facts["restorable"] = *restorable.can;
  if (restorable.can.value_or(false)) return;
  standing.detail += fmt::format("\n  restore: {}: {}", restorable.can ? "not possible" : "not known whether possible",
                                 restorable.why_not);
}

// A release that was ended, with this plan or, where nothing was begun since, another one.
bool LookAtEnding(pg::Connection& connection, const release::Release& release, const plan::Plan& plan,
                  const journal::Journal& journal, Standing& standing) {
  standing.facts["closed"] = nullptr;
  const auto ending = journal::ReadEnding(connection, release.name, plan.digest);
  const journal::Event* closed = journal::Closed(journal.events());
  if (!ending && closed == nullptr) return false;
  const std::string ended = ending ? ending->ended : closed->body.value("ended", "");
  standing.facts["closed"] = {{"ended", ended}, {"same_plan", ending.has_value()}};
  standing.line = "closed, " + ended;
  if (!ending && closed->body.value("plan", "") == plan.digest) {
    standing.line += "; that the database knows it is not done";
    standing.next = fmt::format("switchback close {}", release.name);
  } else if (!ending) {
    standing.line += "; plan.lock.json holds another plan, which may run";
    standing.next = fmt::format("switchback checkpoint {}", release.name);
  }
  return true;
}

// `connection` may be null: the database was not to be had, and only the plan and the journal's length can be told.
Standing Look(const release::Project& project, const release::Release& release, pg::Connection* connection) {
  Standing standing;
  standing.facts = {{"release", release.name}, {"title", release.title}, {"plan", nullptr}, {"position", nullptr}};
  const std::optional<plan::Plan> plan = rollout::LoadPlan(release);
  if (!plan) {
    standing.line = "no plan yet";
    standing.next = fmt::format("switchback plan {}", release.name);
    return standing;
  }
  standing.facts["plan"] = plan->digest;
  standing.detail = fmt::format("\n  plan: {}, {} steps", plan->digest, plan->steps.size());
  const std::filesystem::path directory = project.StateOf(release.name);
  if (connection == nullptr) {
    const auto journal = journal::Journal::Open(directory);
    standing.line = fmt::format("not known without the database; the journal has {} lines", journal.events().size());
    return standing;
  }
  const auto journal = run::OpenJournal(*connection, release.name, directory);
  if (LookAtEnding(*connection, release, *plan, journal, standing)) return standing;
  const journal::Position position = run::WhereItStands(*connection, *plan, journal);
  standing.facts["position"] = rollout::PositionFacts(*plan, position);
  standing.line = rollout::ShowPosition(*plan, position);
  AddHistory(release, *plan, journal, position, standing);
  AddUnconverted(*connection, *plan, standing);
  AddUnproven(*connection, *plan, journal, standing);
  AddBackfills(*connection, *plan, standing);
  AddAudits(*connection, journal, TermOf(release, *plan, journal, position),
            ArchiveServes(directory, rollout::ProviderIfAny(project.environment, directory).get()), standing);
  standing.next = rollout::Advice(release, *plan, journal, position);
  AddDrift(*connection, *plan, position, standing);
  AddAfterRestore(*connection, release.name, journal, standing);
  return standing;
}

Outcome One(Context& context) {
  const release::Release& release = context.release();
  std::optional<pg::Connection> connection;
  if (rollout::LoadPlan(release)) connection = context.Connect();
  Standing standing = Look(context.project(), release, connection ? &*connection : nullptr);
  AddCheckpointState(context, context.StateDirectory(), standing);
  const auto line = connection ? rollout::LookAtLine(*connection, context.project()) : std::nullopt;
  standing.facts["restored_line"] = rollout::LineFacts(line);
  standing.detail += rollout::ShowLine(line, release.name);
  const std::string title = release.title.empty() ? "" : fmt::format(": {}", release.title);
  return {.result = standing.facts,
          .text = fmt::format("{}{}\n  stands: {}{}", release.name, title, standing.line, standing.detail),
          .next = standing.next};
}

Outcome All(Context& context) {
  Outcome outcome{.result = {{"releases", base::Json::array()}, {"database_error", nullptr}}};
  const std::vector<std::filesystem::path> directories = release::ReleaseDirectories(context.project());
  std::optional<pg::Connection> connection;
  try {
    if (!directories.empty()) connection = context.Connect();
  } catch (const base::Error& error) {
    outcome.result["database_error"] = error.ToJson();
    outcome.text = fmt::format("the database was not looked at: {}\n  {}\n", error.message(), error.hint());
  }
  for (const std::filesystem::path& directory : directories) {
    base::Json facts;
    std::string line;
    try {
      const Standing standing =
          Look(context.project(), release::LoadRelease(directory), connection ? &*connection : nullptr);
      facts = standing.facts;
      line = standing.line;
    } catch (const base::Error& error) {
      // One broken release does not hide the others.
      facts = {{"release", directory.filename().string()}, {"error", error.ToJson()}};
      line = fmt::format("cannot be told: {}", error.message());
    }
    outcome.result["releases"].push_back(facts);
    outcome.text += fmt::format("{}{}: {}", outcome.text.empty() ? "" : "\n", directory.filename().string(), line);
  }
  const auto line = connection ? rollout::LookAtLine(*connection, context.project()) : std::nullopt;
  outcome.result["restored_line"] = rollout::LineFacts(line);
  outcome.text += rollout::ShowLine(line, "RELEASE");
  if (directories.empty()) {
    outcome.text = "there is no release yet";
    outcome.next = "switchback new NAME";
  }
  return outcome;
}

Outcome RunStatus(const Invocation& invocation) {
  Context context(invocation);
  return invocation.Argument("RELEASE").empty() ? All(context) : One(context);
}

}  // namespace

Command Status() {
  return {.name = "status",
          .summary = "Say where a release stands, and what can be done next",
          .arguments = {{.name = "RELEASE", .help = "a release; without it, all of the project", .required = false}},
          .text =
              "The position comes from the plan, the journal and the database itself, so it holds after a crash too. "
              "Nothing is changed.",
          .verb = RunStatus};
}

}  // namespace cli
