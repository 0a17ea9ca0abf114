#include "rollout/watcher.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "journal/position.h"
#include "proof/invariants.h"
#include "recover/unconverted.h"
#include "rollout/advice.h"
#include "rollout/audit.h"
#include "rollout/stream_term.h"
#include "rollout/window.h"
#include "run/drift.h"
#include "run/refill.h"
#include "salvage/fence.h"

namespace rollout {
namespace {

constexpr int kAttempts = 5;
constexpr std::chrono::seconds kAnswerTimeout{60};
constexpr std::chrono::minutes kSlowEvery{1};
constexpr std::chrono::minutes kSoon{15};

std::string NextFor(const std::string& then, OpenRelease& open) {
  const std::string& release = open.release().name;
  const journal::Event* checkpoint = open.journal().Last("checkpoint");
  const bool stream = checkpoint != nullptr && !checkpoint->body.value("slot", "").empty();
  if (then == "restore") return fmt::format("switchback restore {}{}", release, stream ? " --salvage" : "");
  if (then == "code") return "take the code of the applications back to the old version";
  if (then == "flag-off") return "turn the release's flag off";
  return fmt::format("switchback rollback {}", release);
}

// Since a step began or ended last, it is in the journal.
bool IsRecorded(const journal::Journal& journal, const std::string& condition) {
  for (auto event = journal.events().rbegin(); event != journal.events().rend(); ++event) {
    if (event->kind == "intent" || event->kind == "outcome") return false;
    if (event->kind == "condition_fired" && event->body.value("condition", "") == condition) return true;
  }
  return false;
}

std::string WhyOver(OpenRelease& open, const journal::Position& position, const std::optional<Window>& window) {
  if (journal::Closed(open.journal().events()) != nullptr) return "the release is closed";
  if (TermOf(open.release(), open.plan(), open.journal(), position).over) return "the release is complete";
  if (window && IsOver(*window, base::Now()))
    return fmt::format("the rollback window: {}", ShowWindow(*window, base::Now()));
  const journal::Event* last = open.journal().Last("outcome");
  const bool taken_back = last != nullptr && last->body.value("direction", "") == "reverse";
  if (taken_back && position.done == 0 && !position.in_flight && !position.half) return "the release was taken back";
  return "";
}

void AddAlarms(OpenRelease& open, Observation& seen) {
  const Audits audits = ReadAudits(open.journal());
  for (std::size_t i = 0; i < audits.touching.size(); ++i) {
    seen.findings.push_back({.about = fmt::format("unverified {}", i),  // the sentence counts on
                             .text = audits.touching[i],
                             .next = fmt::format("switchback status {}", open.release().name)});
  }
  for (const std::string& alarm : audits.alarms) {
    seen.findings.push_back({.about = "alarm " + alarm,
                             .level = Level::kFired,
                             .text = "the release wrote what it does not declare: " + alarm,
                             .next = fmt::format("switchback status {}", open.release().name)});
  }
}

// While a step is open, the objects may differ.
void AddWayOfUndo(OpenRelease& open, const journal::Position& position, bool at_rest, Observation& seen) {
  const std::string look = fmt::format("switchback diagnose {}", open.release().name);
  if (at_rest && position.done > 0 && position.done < open.plan().steps.size()) {
    const run::Drift drift = run::FindDrift(open.connection(), open.plan());
    for (const std::string& sentence : drift.notices) {
      seen.findings.push_back(
          {.about = "others " + sentence, .level = Level::kNote, .text = "changed by others: " + sentence});
    }
    for (const std::string& sentence : drift.forward) {
      seen.findings.push_back(
          {.about = "drift " + sentence, .text = "changed beside the release: " + sentence, .next = look});
    }
  }
  const recover::Unconverted found = recover::ReadUnconverted(open.connection(), open.plan().release, &open.plan());
  if (found.count > found.up) {
    seen.findings.push_back({.about = "unconverted",
                             .level = Level::kNote,
                             .text = fmt::format("undo has no way back for {} rows, whose new value does not fit the "
                                                 "old column",
                                                 found.count - found.up),
                             .next = look});
  }
}

void AddFence(OpenRelease& open, Observation& seen) {
  const std::int64_t tables = salvage::LookAtFence(open.connection()).tables;
  if (tables == 0) return;
  seen.findings.push_back({.about = "fence",
                           .text = fmt::format("{} tables are read-only, by the fence of a cut-over", tables),
                           .next = fmt::format("switchback status {}", open.release().name)});
}

}  // namespace

std::string_view Name(Level level) {
  switch (level) {
    case Level::kNote:
      return "note";
    case Level::kHold:
      return "hold";
    case Level::kFired:
      break;
  }
  return "fired";
}

Finding Unseen(const std::string& what, const base::Error& error) {
  return {.about = what + " (looking)",
          .text = fmt::format("{} could not be looked at: {}{}{}", what, error.message(),
                              error.detail().empty() ? "" : ": ", error.detail()),
          .next = error.hint(),
          .blind = true};
}

Level Gravest(const Observation& seen) {
  Level gravest = Level::kNote;
  for (const Finding& finding : seen.findings) gravest = std::max(gravest, finding.level);
  return gravest;
}

base::Json ToJson(const Finding& finding) {
  return {{"about", finding.about},
          {"level", Name(finding.level)},
          {"text", finding.text},
          {"next", finding.next.empty() ? base::Json() : base::Json(finding.next)}};
}

Observation Watcher::Look() {
  for (int attempt = 1;; ++attempt) {
    try {
      return LookOnce();
    } catch (const base::Error& error) {
      // A run beside this one wrote a line while file and mirror were compared.
      if (error.code() != base::Code::kJournalForked || attempt == kAttempts) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

Observation Watcher::LookOnce() {
  OpenRelease open(open_());
  const base::Time now = base::Now();
  slow_ = !slow_look_ || now - *slow_look_ >= kSlowEvery;
  if (slow_) slow_look_ = now;

  Observation seen;
  bool at_rest = false;
  // What cannot be looked at, for a lock or a right, hides nothing of the rest.
  const auto look_at = [&](const char* what, const auto& look) {
    if (open.connection().Broken()) return;
    try {
      look();
    } catch (const base::Error& error) {
      if (error.code() == base::Code::kInterrupted || error.code() == base::Code::kJournalForked) throw;
      if (open.connection().Broken() && Gravest(seen) < Level::kFired) throw;
      seen.findings.push_back(Unseen(what, error));
    }
  };
  look_at("where the release stands", [&] {
    const journal::Position position = open.Position();
    at_rest = !position.in_flight && !position.half;
    const std::optional<Window> window = WindowOf(open.release(), open.plan(), open.journal(), position);
    seen.stands = ShowPosition(open.plan(), position);
    if (window) seen.window = ShowWindow(*window, now);
    seen.over = WhyOver(open, position, window);
    if (seen.over.empty()) AddWayOfUndo(open, position, at_rest, seen);
  });
  if (!seen.over.empty()) return seen;
  look_at("the rollback conditions", [&] { AddConditions(open, seen); });
  look_at("the invariants", [&] { AddInvariants(open, seen); });
  look_at("the rows", [&] { AddUnfilled(open, seen); });
  look_at("the alarms", [&] { AddAlarms(open, seen); });
  look_at("the checkpoint", [&] { AddRestorable(open, seen); });
  look_at("the stream", [&] { AddStream(open, ProviderIfAny(open.environment(), open.state()).get(), at_rest, seen); });
  look_at("the fence", [&] { AddFence(open, seen); });
  std::stable_sort(seen.findings.begin(), seen.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.level > b.level; });
  return seen;
}

void Watcher::AddConditions(OpenRelease& open, Observation& seen) {
  seen.conditions = conditions_.Look(open.connection(), open.release().rollback_conditions, kAnswerTimeout);
  for (const proof::ConditionStanding& condition : seen.conditions) {
    const std::string about = "rollback condition " + condition.name;
    if (!condition.error.empty()) {
      seen.findings.push_back({.about = about + " (asking it)",
                               .text = fmt::format("the rollback condition \"{}\" could not be asked: {}",
                                                   condition.name, condition.error)});
    }
    if (!condition.above_since) continue;
    const std::string lasting = condition.lasting.empty() ? "" : fmt::format(" (for: {})", condition.lasting);
    seen.findings.push_back(
        {.about = about + (condition.fired ? " (fired)" : ""),
         .level = condition.fired ? Level::kFired : Level::kHold,
         .text = fmt::format("the rollback condition \"{}\" is above {} since {}{}{}", condition.name, condition.max,
                             base::FormatTime(*condition.above_since), lasting,
                             condition.found ? fmt::format(": {}", *condition.found) : ""),
         .next = condition.fired ? NextFor(condition.then, open) : ""});
    if (!condition.fired || IsRecorded(open.journal(), condition.name)) continue;
    // Of the journal as it is now: a run may have written since the look began.
    journal::Journal::Open(open.state())
        .Append("condition_fired", {{"condition", condition.name},
                                    {"found", fmt::format("{}", *condition.found)},
                                    {"max", fmt::format("{}", condition.max)},
                                    {"since", base::FormatTime(*condition.above_since)},
                                    {"then", condition.then}});
  }
}

void Watcher::AddInvariants(OpenRelease& open, Observation& seen) {
  const auto results = proof::AskInvariants(open.connection(), open.release().invariants, kAnswerTimeout);
  seen.invariants = results.size();
  for (const proof::InvariantResult& result : results) {
    if (result.holds.value_or(false)) continue;
    Finding finding{.about = "invariant " + result.name, .text = ""};
    if (result.holds) {
      finding.level = Level::kFired;
      finding.text = fmt::format("the invariant \"{}\" does not hold: {}, and ought to be {}", result.name,
                                 result.found, result.expected);
      finding.next = fmt::format("switchback diagnose {}", open.release().name);
    } else {
      finding.about += " (asking it)";
      finding.text = fmt::format("the invariant \"{}\" could not be asked: {}", result.name, result.error);
    }
    seen.findings.push_back(std::move(finding));
  }
}

void Watcher::AddUnfilled(OpenRelease& open, Observation& seen) {
  const base::Time began = base::Now();
  if (!ask_rows_ || began >= *ask_rows_) {
    unfilled_.clear();
    for (const run::Unfilled& unfilled : run::FindUnfilled(open.connection(), open.plan(), open.Position().done)) {
      unfilled_.push_back({.about = "unfilled " + unfilled.backfill.table.Text() + "." + unfilled.backfill.column,
                           .text = run::Text(unfilled),
                           .next = fmt::format("switchback migrate {}", open.release().name)});
    }
    constexpr int kShare = 20;
    ask_rows_ = base::Now() + std::max<base::Time::duration>(kSlowEvery, kShare * (base::Now() - began));
  }
  seen.findings.insert(seen.findings.end(), unfilled_.begin(), unfilled_.end());
}

std::optional<std::chrono::milliseconds> Watcher::RoomLasts(std::int64_t bytes) {
  const std::optional<Room> before = std::exchange(room_, Room{.at = base::Now(), .bytes = bytes});
  if (!before || bytes >= before->bytes) return {};
  const std::chrono::duration<double, std::milli> elapsed = room_->at - before->at;
  const auto left = static_cast<double>(std::max<std::int64_t>(bytes, 0));
  return std::chrono::duration_cast<std::chrono::milliseconds>(elapsed *
                                                               (left / static_cast<double>(before->bytes - bytes)));
}

void Watcher::AddStream(OpenRelease& open, backup::BackupProvider* provider, bool at_rest, Observation& seen) {
  std::optional<SlotStanding> slot = ReadSlotStanding(open.connection(), open.journal());
  if (!slot) {
    if (open.journal().Last("checkpoint") == nullptr) return;  // which is told already
    seen.findings.push_back({.about = "stream",
                             .level = Level::kNote,
                             .text = "the checkpoint has no slot: a restore loses what applications wrote since"});
    return;
  }
  if (!slot->lost.empty()) {
    std::string text = "the stream is lost, what it fed is not evidenced: " + slot->lost;
    if (ArchiveServes(open.state(), provider)) text += "; a restore reads the archive instead";
    seen.findings.push_back({.about = "stream", .text = std::move(text)});
    return;
  }
  // A run reads it on by itself, behind each step.
  if (slow_ && at_rest) unread_ = Auditor(open).KeepUp();
  if (!unread_.empty()) {
    seen.findings.push_back({.about = "stream (reading it)", .text = "the stream could not be read on: " + unread_});
  }
  slot = ReadSlotStanding(open.connection(), open.journal());
  if (slow_) room_lasts_ = slot->room ? RoomLasts(*slot->room) : std::nullopt;
  if (slot->soon_lost.empty() && (!room_lasts_ || *room_lasts_ > kSoon)) return;
  std::string text =
      slot->soon_lost.empty() ? "the stream is soon lost" : "the stream is soon lost: " + slot->soon_lost;
  if (room_lasts_) text += fmt::format("; at the present rate in {}", base::FormatDuration(*room_lasts_));
  seen.findings.push_back(
      {.about = "stream (soon lost)",
       .text = std::move(text),
       .next = "end transactions that are open for long (they hold the slot back), or raise max_slot_wal_keep_size"});
}

void Watcher::AddRestorable(OpenRelease& open, Observation& seen) {
  const std::optional<checkpoint::Checkpoint> found = checkpoint::Find(open.state());
  if (!found) {
    seen.findings.push_back({.about = "checkpoint",
                             .text = "there is no checkpoint, so nothing can be restored",
                             .next = fmt::format("switchback checkpoint {}", open.release().name)});
    return;
  }
  if (slow_) restorable_ = AskRestorable(open.environment(), found->point);
  if (restorable_.can.value_or(false)) return;
  seen.findings.push_back(
      {.about = "restore",
       .text = fmt::format("{}: {}",
                           restorable_.can ? "the checkpoint cannot be restored any more"
                                           : "it is not known whether the checkpoint can be restored",
                           restorable_.why_not)});
}

}  // namespace rollout
