#include <fmt/core.h>

#include "base/error.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "rollout/advice.h"
#include "rollout/plan_file.h"
#include "rollout/restored_line.h"
#include "rollout/standing.h"

namespace cli {
namespace {

// For the list a line, for one release further lines; and facts.
struct Shown {
  base::Json facts;
  std::string line;
  std::string detail;
};

void AddHistory(const rollout::OpenStanding& open, Shown& shown) {
  shown.facts["checkpoint"] = nullptr;
  if (open.checkpoint) {
    shown.facts["checkpoint"] = {{"at", base::FormatTime(open.checkpoint->at)}, {"event", open.checkpoint->body}};
  }
  shown.detail += "\n  checkpoint: " + (open.checkpoint ? base::FormatTime(open.checkpoint->at) : "none");
  if (open.window) {
    const std::string text = rollout::ShowWindow(*open.window, base::Now());
    shown.facts["rollback_window"] = {{"opened", base::FormatTime(open.window->opened)}, {"text", text}};
    shown.detail += "\n  rollback window: " + text;
  }
  if (open.failure) {
    shown.facts["failure"] = open.failure->body;
    const base::Json error = open.failure->body.value("error", base::Json::object());
    shown.detail +=
        fmt::format("\n  failure: {}", error.is_object() ? error.value("message", error.dump()) : error.dump());
  }
  if (open.last) {
    const journal::Event& last = *open.last;
    shown.facts["last_event"] = {{"seq", last.seq}, {"kind", last.kind}, {"at", base::FormatTime(last.at)}};
    shown.detail +=
        fmt::format("\n  last: {} at {} (line {} of the journal)", last.kind, base::FormatTime(last.at), last.seq);
  }
}

void AddEdited(const rollout::OpenStanding& open, Shown& shown) {
  shown.facts["edited"] = !open.edited.empty();
  if (!open.edited.empty()) shown.detail += "\n  " + open.edited;
}

void AddUnconverted(const rollout::OpenStanding& open, Shown& shown) {
  const recover::Unconverted& found = open.unconverted;
  shown.facts["unconverted"] = {{"up", found.up}, {"down", found.count - found.up}};
  if (found.up > 0) shown.detail += fmt::format("\n  not converted: {} rows; contract waits for them", found.up);
  if (found.count > found.up) {
    shown.detail += fmt::format("\n  no way back: for {} rows, whose new value does not fit the old column",
                                found.count - found.up);
  }
  shown.facts["not_valid"] = recover::ToJson(open.unproven);
  shown.detail += recover::Text(open.unproven);
}

void AddBackfills(const std::string& release, const rollout::OpenStanding& open, Shown& shown) {
  shown.facts["backfills"] = base::Json::array();
  for (const rollout::Backfill& backfill : open.backfills) {
    const std::string& waits = backfill.waits_for;
    shown.facts["backfills"].push_back({{"step", backfill.step},
                                        {"rows", backfill.rows},
                                        {"percent", backfill.percent},
                                        {"runs", backfill.runs},
                                        {"waits_for", waits.empty() ? base::Json() : base::Json(waits)}});
    shown.detail +=
        fmt::format("\n  backfill {}: {} rows, {} % of the table{}{}", backfill.step, backfill.rows, backfill.percent,
                    backfill.runs ? "" : ", does not run", waits.empty() ? "" : "; waits: " + waits);
  }
  shown.facts["paused_by"] = open.paused_by ? base::Json(*open.paused_by) : base::Json();
  if (open.paused_by) {
    shown.detail += fmt::format("\n  paused: by {}; `switchback resume {}`", *open.paused_by, release);
  }
}

// Those of what the release needs stop its way forward, and a few its way back too; the others are good to know.
void AddDrift(const run::Drift& drift, Shown& shown) {
  shown.facts["drift"] = drift.forward;
  shown.facts["drift_closes_undo"] = drift.undo;
  shown.facts["changed_by_others"] = drift.notices;
  for (const std::string& sentence : drift.forward) shown.detail += "\n  changed beside the release: " + sentence;
  for (const std::string& sentence : drift.notices) shown.detail += "\n  changed by others, no hindrance: " + sentence;
  if (drift.forward.empty()) return;
  shown.detail += drift.undo.empty() ? "\n  it goes no further until this is taken back; its way back is open"
                                     : "\n  neither on nor back until this is taken back";
}

void AddAudits(const rollout::Audits& audits, Shown& shown) {
  shown.facts["footprint"] = {{"steps", audits.steps},
                              {"alarms", audits.alarms},
                              {"unverified", audits.unverified},
                              {"not_evidenced", audits.not_evidenced}};
  for (const std::string& alarm : audits.alarms) shown.detail += "\n  alarm: " + alarm;
  for (const base::Json& unverified : audits.unverified) {
    shown.detail += "\n  " + rollout::UnverifiedText(unverified);
  }
  for (const std::string& sentence : audits.not_evidenced) shown.detail += "\n  not evidenced: " + sentence;
}

void AddStream(const std::string& release, const rollout::OpenStanding& open, Shown& shown) {
  const rollout::StreamTerm& term = open.term;
  shown.facts["stream"] = nullptr;
  if (!open.slot) return;
  const rollout::SlotStanding& slot = *open.slot;
  shown.facts["stream"] = {
      {"lost", slot.lost},       {"soon_lost", slot.soon_lost},
      {"kept_bytes", slot.kept}, {"archive", open.archive},
      {"over", term.over},       {"kept_until", term.until ? base::Json(base::FormatTime(*term.until)) : base::Json()}};
  if (term.over) {
    shown.detail += "\n  stream: not needed any more; the next run or checkpoint drops it";
    return;
  }
  if (term.complete && slot.lost.empty()) shown.detail += "\n  stream: " + rollout::ShowKept(release, term);
  if (!slot.lost.empty()) shown.detail += "\n  stream: lost, what it fed is not evidenced: " + slot.lost;
  if (!slot.lost.empty() && open.archive) {
    shown.detail += "\n  a restore reads what applications wrote from the archive instead; not tried before";
  }
  if (!slot.soon_lost.empty()) shown.detail += "\n  stream: soon lost: " + slot.soon_lost;
}

void AddCheckpointState(const rollout::CheckpointStanding& standing, Shown& shown) {
  shown.facts["restorable"] = nullptr;
  shown.facts["unfinished_restore"] = nullptr;
  if (standing.unfinished) {
    const std::string left = standing.unfinished->string();
    shown.facts["unfinished_restore"] = left;
    shown.detail +=
        fmt::format("\n  left behind: {}, by a restore that was interrupted; the next one removes it", left);
  }
  if (!standing.restorable) return;
  const rollout::Restorable& restorable = *standing.restorable;
  if (restorable.can) shown.facts["restorable"] = *restorable.can;
  if (restorable.can.value_or(false)) return;
  shown.detail += fmt::format("\n  restore: {}: {}", restorable.can ? "not possible" : "not known whether possible",
                              restorable.why_not);
}

void AddOpen(const std::string& release, const plan::Plan& plan, const rollout::OpenStanding& open, Shown& shown) {
  shown.facts["position"] = rollout::PositionFacts(plan, open.position);
  shown.line = rollout::ShowPosition(plan, open.position);
  AddHistory(open, shown);
  AddEdited(open, shown);
  AddUnconverted(open, shown);
  AddBackfills(release, open, shown);
  AddAudits(open.audits, shown);
  AddStream(release, open, shown);
  AddDrift(open.drift, shown);
  shown.facts.update(rollout::AfterRestoreFacts(open.after, open.fence));
  shown.detail += rollout::ShowAfterRestore(open.after, open.fence);
  if (open.fence.tables > 0) shown.line += "; applications cannot write here";
}

std::string ClosedText(const rollout::ClosedStanding& closed) {
  const std::string text = "closed, " + closed.ended;
  if (closed.same_plan) return text;
  return text + (closed.unfinished ? "; that the database knows it is not done"
                                   : "; plan.lock.json holds another plan, which may run");
}

Shown Show(const release::Release& release, const rollout::Standing& standing) {
  Shown shown{.facts = {{"release", release.name}, {"title", release.title}, {"plan", nullptr}, {"position", nullptr}},
              .line = "no plan yet",
              .detail = ""};
  if (!standing.plan) return shown;
  const plan::Plan& plan = *standing.plan;
  shown.facts["plan"] = plan.digest;
  shown.detail = fmt::format("\n  plan: {}, {} steps", plan.digest, plan.steps.size());
  if (standing.journal_lines) {
    shown.line = fmt::format("not known without the database; the journal has {} lines", *standing.journal_lines);
    return shown;
  }
  shown.facts["closed"] = nullptr;
  if (standing.closed) {
    shown.facts["closed"] = {{"ended", standing.closed->ended}, {"same_plan", standing.closed->same_plan}};
    shown.line = ClosedText(*standing.closed);
  }
  if (standing.open) AddOpen(release.name, plan, *standing.open, shown);
  return shown;
}

Outcome One(Context& context) {
  const release::Release& release = context.release();
  std::optional<pg::Connection> connection;
  try {
    connection = context.Connect();
  } catch (const base::Error&) {
    // Without a plan there may be no database yet; with one it is what was asked about.
    if (rollout::LoadPlan(release)) throw;
  }
  const rollout::Standing standing = rollout::Look(context.project(), release, connection ? &*connection : nullptr);
  Shown shown = Show(release, standing);
  AddCheckpointState(rollout::LookAtCheckpoint(context.project().environment, context.StateDirectory()), shown);
  const auto line = connection ? rollout::LookAtLine(*connection, context.project()) : std::nullopt;
  shown.facts["restored_line"] = rollout::LineFacts(line);
  shown.detail += rollout::ShowLine(line, release.name);
  const std::string title = release.title.empty() ? "" : fmt::format(": {}", release.title);
  return {.result = shown.facts,
          .text = fmt::format("{}{}\n  stands: {}{}", release.name, title, shown.line, shown.detail),
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
      const release::Release release = release::LoadRelease(directory);
      const Shown shown = Show(release, rollout::Look(context.project(), release, connection ? &*connection : nullptr));
      facts = shown.facts;
      line = shown.line;
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
