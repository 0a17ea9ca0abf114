#include "cli/restore.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "backup/recovery.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/context.h"
#include "cli/decisions.h"
#include "cli/forward.h"
#include "cli/who.h"
#include "pg/conninfo.h"
#include "recover/log_loss.h"
#include "rollout/advice.h"
#include "rollout/restore.h"

namespace cli {
namespace {

// Of a table's account, whatever it was counted from.
template <typename Table>
std::string TableText(const pg::QualifiedName& name, const Table& table) {
  return fmt::format("\n  {}: {} inserted, {} updated, {} deleted{}", name.Text(), table.inserted, table.updated,
                     table.deleted, table.truncated > 0 ? ", truncated" : "");
}

std::string UnnamedText(std::int64_t unnamed) {
  return unnamed == 0 ? "" : fmt::format("\n  {} changes in tables that were rewritten or dropped since", unnamed);
}

// Other releases, as TableText the tables.
template <typename Releases>
std::string ReleasesText(const Releases& releases) {
  std::string text;
  for (const auto& [name, release] : releases) {
    text += fmt::format("\n  goes back too: release {}, {} transactions, which are not carried over", name,
                        release.transactions);
    for (const auto& [table, counts] : release.tables) text += "\n    of it" + TableText(table, counts).substr(2);
    text += fmt::format("\n    on the new server it is rewound: `status` there says what is next");
  }
  return text;
}

// What a restored server does not do until somebody says that it is the new one.
std::string LeftOutText(const std::filesystem::path& directory) {
  std::string text =
      "it takes connections on its socket only, archives nothing, and subscribes to nothing "
      "(listen_addresses, archive_mode, max_logical_replication_workers)";
  const std::filesystem::path left_out = backup::LeftOutOf(directory);
  std::error_code ignored;
  if (std::filesystem::exists(left_out, ignored)) {
    text += fmt::format("; of the old server's settings these are not in force: {}", left_out.string());
  }
  return text;
}

std::string Show(const recover::RestoreReport& report) {
  const base::Json verification = checkpoint::ToJson(report.verification);
  std::string text =
      fmt::format("restored to {} in {}\n  server: {}\n  stop it: {}\n  schema: {}\n  contents: {}",
                  report.restored.reached.Text(), base::FormatDuration(report.took), pg::Redacted(report.restored.url),
                  report.restored.stop, verification.value("schema", ""), verification.value("contents", ""));
  if (report.restored.directory) {
    text += fmt::format("\n  settings: {}; {}", (*report.restored.directory / "data/switchback.conf").string(),
                        LeftOutText(*report.restored.directory));
  }
  if (report.left_behind) {
    text += fmt::format("\n  left behind: {} transactions of applications, {} of the release",
                        report.left_behind->applications, report.left_behind->own);
    for (const auto& [name, table] : report.left_behind->tables) text += TableText(name, table);
    text += UnnamedText(report.left_behind->unnamed) + ReleasesText(report.left_behind->releases);
  } else {
    text += "\n  left behind: not counted";
  }
  if (!report.left_behind_note.empty()) text += fmt::format("\n  {}", report.left_behind_note);
  return text;
}

// What others changed of the schema, the first of it.
std::string NotRepeated(const std::vector<std::string>& unrepeated) {
  constexpr std::size_t kMost = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(unrepeated.size(), kMost); ++i) text += "\n  not repeated: " + unrepeated[i];
  if (unrepeated.size() > kMost) text += fmt::format("\n  and {} more, with --json", unrepeated.size() - kMost);
  return text;
}

std::string Cannot(const std::vector<std::string>& uncovered) {
  std::string text;
  for (const std::string& sentence : uncovered) text += "\n  not evidenced: " + sentence;
  return text;
}

std::string Show(const recover::Loss& loss) {
  const salvage::Account& account = loss.account;
  std::string text =
      account.applications == 0
          ? std::string("a restore to the checkpoint would leave behind no transaction of applications")
          : fmt::format(
                "a restore to the checkpoint would leave behind {} transactions of applications\n  from {} to {}",
                account.applications, base::FormatTime(*account.first), base::FormatTime(*account.last));
  for (const auto& [name, table] : account.tables) text += TableText(name, table);
  text += UnnamedText(loss.unnamed) + ReleasesText(account.releases);
  if (account.unverified > 0) {
    text += fmt::format("\n  {} of them have a tag that does not verify, and count as the applications'",
                        account.unverified);
  }
  text += fmt::format("\n  evidence: {}; {}{}", recover::Name(loss.evidence), loss.note, Cannot(loss.uncovered));
  if (loss.evidence == recover::Evidence::kLog) {
    text += "\n  the log tells rows and tables, not columns and values: nothing can be carried over from it";
  }
  return text + (loss.restore_takes ? "\n  a restore took " + base::FormatDuration(*loss.restore_takes)
                                    : std::string("\n  how long a restore takes was not measured"));
}

std::string Show(const recover::SalvageReport& salvaged, const std::string& release) {
  const salvage::Report& report = salvaged.report;
  std::string text =
      fmt::format("carried over to {}\n  {} changes of applications: {} applied, {} in conflict, {} skipped",
                  pg::Redacted(salvaged.restored), report.account.Changes(), report.Applied(), report.InConflict(),
                  report.Skipped());
  for (const auto& [name, table] : report.tables) {
    text += fmt::format("\n  {}: {} applied, {} in conflict; {} rows inserted, {} updated, {} deleted", name.Text(),
                        table.applied, table.conflicts, table.inserted, table.updated, table.deleted);
    if (table.skipped > 0) {
      text += fmt::format("\n  {}: {} skipped: they changed only columns that the restored table does not have",
                          name.Text(), table.skipped);
    }
  }
  for (const auto& [name, table] : report.account.tables) {
    for (const auto& [reason, changes] : table.skipped) {
      text += fmt::format("\n  {}: {} skipped: {}", name.Text(), changes, reason);
    }
    for (const std::string& column : table.columns) {
      text += fmt::format("\n  {}.{}: the restored table has no such column", name.Text(), column);
    }
  }
  text += ReleasesText(report.account.releases);
  if (report.decided > 0) text += fmt::format("\n  {} conflicts decided as was said before", report.decided);
  text += ShowGroups(report.groups, release, salvaged.conflicts.string());
  if (report.orphans > 0)
    text += fmt::format("\n  {} of them would leave a row that refers to nothing", report.orphans);
  text += fmt::format("\n  {} sequences set\n  {}{}", report.sequences, salvaged.note, Cannot(salvaged.uncovered));
  for (const std::string& sequence : report.unread_sequences) {
    text += fmt::format("\n  not carried over: the sequence {}, which this role may not read", sequence);
  }
  for (const std::string& trigger : report.event_triggers) {
    text += fmt::format("\n  the event trigger {}, which this role may not disable, fired for what salvage made there",
                        trigger);
  }
  text += NotRepeated(salvaged.unrepeated);
  if (report.later > 0) text += fmt::format("\n  {} transactions came later and are not in it", report.later);
  return text;
}

constexpr const char* kMove = "move the applications to the new server, with the code of that time";

// `then`: what comes after the decisions of a person, where there are any to make.
std::string NextOf(const recover::SalvageReport& salvaged, const std::string& release, const std::string& then) {
  return salvaged.report.conflicts == 0 ? then : rollout::NextOfConflicts(release, salvaged.conflicts.string(), then);
}

std::string ShowCutOver(const rollout::CarriedOver& carried, const std::string& release) {
  const salvage::Report& report = carried.report.report;
  std::string text = fmt::format("\ncut over at {}: {} tables of the old server are read-only",
                                 carried.fence->lsn.Text(), carried.fence->tables);
  text += fmt::format("\n  {} transactions, {} changes up to there = {} applied + {} in conflict + {} skipped",
                      report.account.applications, report.account.Changes(), report.Applied(), report.InConflict(),
                      report.Skipped());
  if (!carried.fence->ended.empty()) {
    text += fmt::format("\n  {} sessions stood in the way and were ended", carried.fence->ended.size());
  }
  for (const std::string& table : carried.fence->open) {
    text += fmt::format("\n  not read-only: {}, of a role that this one may not act for", table);
  }
  text += "\n  new server: " + pg::Redacted(carried.report.restored);
  const std::filesystem::path directory = pg::ParseConninfo(carried.report.restored)["host"];
  text += "\n  before it is used as such, set again what it needs: " + LeftOutText(directory);
  for (const std::string& table : carried.made_since) {
    text += fmt::format("\n  not read-only: {}, made since; `switchback restore {} --cut-over` fences it too", table,
                        release);
  }
  return text;
}

void AddText(const std::string& text, Outcome& outcome) { outcome.text += (outcome.text.empty() ? "" : "\n") + text; }

void AddCarriedOver(const rollout::CarriedOver& carried, const std::string& release, Outcome& outcome) {
  AddText(Show(carried.report, release), outcome);
  outcome.result["salvage"] = recover::ToJson(carried.report);
  if (!carried.fence) {
    outcome.next = carried.to_fence ? fmt::format(
                                          "switchback restore {} --cut-over: it ends the applications' writes to the "
                                          "old server and carries over the last",
                                          release)
                                    : NextOf(carried.report, release, kMove);
    return;
  }
  outcome.text += ShowCutOver(carried, release);
  outcome.result["cut_over"] = recover::ToJson({.fence = *carried.fence, .salvaged = carried.report});
  outcome.result["cut_over"]["made_since"] = carried.made_since;
  outcome.next = NextOf(
      carried.report, release,
      fmt::format("move the applications to {}, with the code of that time", pg::Redacted(carried.report.restored)));
}

void AddDecided(const rollout::RestoreDone& done, const std::string& release, Outcome& outcome) {
  const salvage::Resolved& resolved = done.decided->resolved;
  const std::string file = done.conflicts_file.string();
  base::Json result = salvage::ToJson(resolved);
  result["url"] = done.url;
  result["groups"] = salvage::GroupsJson(done.decided->groups);
  result["conflicts_file"] = file;
  if (outcome.result.empty()) {
    outcome.result = std::move(result);
  } else {
    outcome.result["decided"] = std::move(result);
  }
  AddText(ShowResolved(*done.decided, release, file), outcome);
  const bool refused = resolved.refused > 0 || !resolved.stale.empty();
  if (refused) outcome.exit = base::Exit::kHold;
  if (done.carried_over && done.carried_over->to_fence) return;
  outcome.next = refused || resolved.left > 0 ? rollout::NextOfConflicts(release, file, kMove) : kMove;
}

Outcome Show(const rollout::RestoreDone& done, const std::string& release) {
  Outcome outcome;
  if (done.restored) {
    outcome = {.result = recover::ToJson(*done.restored),
               .text = Show(*done.restored),
               .next = "look at the new server; move the applications to it, with the code of that time, or stop it"};
  }
  if (done.carried_over) AddCarriedOver(*done.carried_over, release, outcome);
  if (done.decided) AddDecided(done, release, outcome);
  return outcome;
}

Outcome Unfence(const rollout::RestoreGround& ground) {
  const std::int64_t tables = rollout::LiftFence(ground);
  return {.result = {{"tables", tables}},
          .text = tables == 0 ? std::string("no fence stood: applications could write already")
                              : fmt::format("applications can write to {} tables of the old server again", tables)};
}

std::filesystem::path Absolute(const std::string& path) {
  return path.empty() ? std::filesystem::path() : std::filesystem::absolute(path).lexically_normal();
}

rollout::RestoreGround GroundOf(Context& context) {
  const Invocation& invocation = context.invocation();
  context.StateDirectory();
  const bool needed = invocation.Has("--cut-over") || invocation.Has("--lift-fence");
  return {.project = context.project(),
          .release = context.release(),
          .by = WhoAsks(context.release().directory),
          .old_server = needed ? context.Database() : context.DatabaseIfNamed(),  // a restore needs none
          .source_wal = Absolute(invocation.Option("--source-wal")),
          .terminate_blockers_after = TerminateAfter(invocation),
          .tell = [](const std::string& text) { base::Info("{}", text); },
          .stop = &base::InterruptFlag()};
}

}  // namespace

std::vector<Option> RestoreOptions() {
  return {{.name = "--directory",
           .value = "DIR",
           .help = "of the new server; must not exist (default: where switchback.yaml says)"},
          {.name = "--source-wal",
           .value = "DIR",
           .help = "the old server's pg_wal, to read what is left behind to its end where that server is down"}};
}

Outcome RestoreBeside(const Invocation& invocation) {
  Context context(invocation);
  if (invocation.Has("--cut-over") && !invocation.Has("--dry-run")) Confirm(context, "restore --cut-over");
  const rollout::RestoreGround ground = GroundOf(context);
  if (invocation.Has("--dry-run")) {
    const recover::Loss loss = rollout::CountLoss(ground);
    return {.result = {{"loss", recover::ToJson(loss)}}, .text = Show(loss)};
  }
  rollout::RestoreWishes wishes{.directory = Absolute(invocation.Option("--directory")),
                                .salvage = invocation.Has("--salvage") || invocation.Has("--go-on"),
                                .cut_over = invocation.Has("--cut-over"),
                                .decisions = DecisionsOf(invocation)};
  if (invocation.Has("--lift-fence")) return Unfence(ground);
  // Alone, what is to be done about a restored server is about the last one.
  const bool of_last = wishes.cut_over || rollout::Any(wishes.decisions);
  wishes.restore = !invocation.Has("--go-on") && (invocation.Has("--salvage") || !of_last);
  return Show(rollout::Restore(ground, wishes), context.release().name);
}

Command Restore() {
  std::vector<Option> options = RestoreOptions();
  const std::vector<Option> of_salvage = {
      {.name = "--dry-run", .help = "restore nothing: say what a restore would leave behind"},
      {.name = "--salvage", .help = "carry what the applications wrote since over to the new server"},
      {.name = "--go-on", .help = "make no new server: salvage into the one that the last restore made"},
      {.name = "--cut-over",
       .help = "end the applications' writes to the old server, carry over the last of them, and say where the new one "
               "is; alone: to the one that the last restore made"},
      {.name = "--lift-fence", .help = "let applications write to the old server again"},
      TerminateOption(),
      YesOption(),
      {.name = "--decide",
       .value = "CAUSE=CHOICE",
       .help = "of all conflicts of a cause or a group, now and after later salvages: restored, application or delta",
       .many = true},
      {.name = "--resolve", .value = "FILE", .help = "of single conflicts: `take` in a copy of the file of conflicts"}};
  options.insert(options.end(), of_salvage.begin(), of_salvage.end());
  return {
      .name = "restore",
      .summary = "Make a new server from the checkpoint, beside the old one",
      .arguments = {{.name = "RELEASE",
                     .help = "a release below releases/, a beginning of its name that no other has, or a path"}},
      .options = std::move(options),
      .text =
          "Recovers exactly to the restore point, compares the result with what the checkpoint knows, and counts "
          "the transactions\n"
          "that it leaves behind. The old server is not changed but by --cut-over, and the new one is left running.\n\n"
          "With --salvage it reads, from the checkpoint's slot or the archive, what the applications wrote since, "
          "and carries it over: only what they\n"
          "changed themselves, in the columns of that time. What cannot be told from the migration's own changes "
          "stays as restored and\n"
          "stands in a file of conflicts, to be decided by a person. Killed, it goes on with --go-on, which also "
          "takes in what the\n"
          "applications wrote since.\n\n"
          "--decide and --resolve decide conflicts, alone or beside --salvage, --go-on and --cut-over. Decisions are "
          "kept on the new\n"
          "server, and are applied again after each later salvage. What it refuses stays in the file with `why`; the "
          "exit code is 11 then.\n\n"
          "With --cut-over the tables of the old server are read-only for everybody, by a trigger on each, once the "
          "transactions that had\n"
          "written to them have ended; --terminate-blockers-after ends those that do not. Then the last transactions "
          "are carried over and\n"
          "counted. Killed, it goes on with --cut-over. The tables stay read-only until --lift-fence.",
      .verb = RestoreBeside,
      .changes = true};
}

}  // namespace cli
