#include "cli/restore.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "backup/recovery.h"
#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/decisions.h"
#include "cli/forward.h"
#include "pg/conninfo.h"
#include "recover/log_loss.h"
#include "recover/restore.h"
#include "recover/salvage.h"
#include "rollout/advice.h"
#include "rollout/after_restore.h"
#include "rollout/plan_file.h"
#include "rollout/provider.h"

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
    text += fmt::format("\n    on the new server it is rewound: `switchback status {}` says there what is next", name);
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

// A restore needs no old server: without a name it is not asked.
std::optional<std::string> OldServer(Context& context) {
  try {
    return context.Database().conninfo;
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kNoDatabase) throw;
    return std::nullopt;
  }
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

std::string Show(const recover::CutOverReport& done, const std::string& release) {
  const salvage::Report& report = done.salvaged.report;
  std::string text = Show(done.salvaged, release);
  text += fmt::format("\ncut over at {}: {} tables of the old server are read-only", done.fence.lsn.Text(),
                      done.fence.tables);
  text += fmt::format("\n  {} transactions, {} changes up to there = {} applied + {} in conflict + {} skipped",
                      report.account.applications, report.account.Changes(), report.Applied(), report.InConflict(),
                      report.Skipped());
  if (!done.fence.ended.empty()) {
    text += fmt::format("\n  {} sessions stood in the way and were ended", done.fence.ended.size());
  }
  for (const std::string& table : done.fence.open) {
    text += fmt::format("\n  not read-only: {}, of a role that this one may not act for", table);
  }
  text += "\n  new server: " + pg::Redacted(done.salvaged.restored);
  const std::filesystem::path directory = pg::ParseConninfo(done.salvaged.restored)["host"];
  return text + "\n  before it is used as such, set again what it needs: " + LeftOutText(directory);
}

recover::SalvageOptions SalvageOptionsOf(Context& context, const plan::Plan& plan, backup::BackupProvider* provider) {
  const std::string source_wal = context.invocation().Option("--source-wal");
  std::vector<std::string> trusts = context.Database().trusts;
  if (const std::string& role = context.project().environment.role; !role.empty()) trusts.push_back(role);
  return {.conninfo = OldServer(context),
          .state = context.StateDirectory(),
          .plan = plan,
          .tell = [](const std::string& text) { base::Info("{}", text); },
          .provider = provider,
          .source_wal = source_wal.empty() ? std::filesystem::path() : std::filesystem::absolute(source_wal),
          .trusts = std::move(trusts),
          .lock_budget = context.Database().lock_budget,
          .stop = context.Database().stop};
}

Outcome ShowLoss(Context& context) {
  const plan::Plan plan = rollout::RequirePlan(context.release());
  const auto provider = rollout::ProviderIfAny(context.project().environment, context.StateDirectory());
  const recover::Loss loss = recover::CountLossAnyhow(SalvageOptionsOf(context, plan, provider.get()));
  return {.result = {{"loss", recover::ToJson(loss)}}, .text = Show(loss)};
}

salvage::Patience PatienceOf(Context& context) {
  const release::Policy& policy = context.project().environment.policy;
  salvage::Patience patience{{.lock_timeout = policy.lock_timeout, .retries = policy.lock_retries}};
  if (const std::string after = context.invocation().Option(TerminateOption().name); !after.empty()) {
    patience.end_after = base::ParseDuration(after);
  }
  return patience;
}

Outcome LiftFence(Context& context, journal::Journal& journal) {
  const std::int64_t tables = recover::LiftFence(context.Database(), PatienceOf(context), journal);
  return {.result = {{"tables", tables}},
          .text = tables == 0 ? std::string("no fence stood: applications could write already")
                              : fmt::format("applications can write to {} tables of the old server again", tables)};
}

// The old server is fenced, and what it has is on this restored one.
bool IsCutOver(const recover::SalvageOptions& options, const std::string& restored, const journal::Journal& journal) {
  const std::optional<rollout::AfterRestore::Moment> cut_over = rollout::ReadAfterRestore(journal).cut_over;
  if (!cut_over || cut_over->url != pg::Redacted(restored)) return false;
  pg::Connection server = pg::Connection::Open({.conninfo = *options.conninfo});
  return salvage::LookAtFence(server).tables > 0;
}

// Tables that somebody made behind the fence: what applications write to them is on the old server alone.
void AddMadeSince(const recover::SalvageOptions& options, const salvage::Fence& fence, Outcome& outcome) {
  base::Json made = base::Json::array();
  pg::Connection server = pg::Connection::Open({.conninfo = *options.conninfo});
  for (const std::string& table : salvage::LookAtFence(server).open) {
    if (std::find(fence.open.begin(), fence.open.end(), table) != fence.open.end()) continue;
    made.push_back(table);
    outcome.text += fmt::format("\n  not read-only: {}, made since; `switchback restore {} --cut-over` fences it too",
                                table, options.plan.release);
  }
  outcome.result["cut_over"]["made_since"] = made;
}

void AddCutOver(Context& context, const recover::SalvageOptions& options, const std::string& restored,
                journal::Journal& journal, Outcome& outcome) {
  const recover::CutOverReport done = recover::CutOver(options, PatienceOf(context), restored, journal);
  outcome.result["salvage"] = recover::ToJson(done.salvaged);
  outcome.result["cut_over"] = recover::ToJson(done);
  outcome.text += (outcome.text.empty() ? "" : "\n") + Show(done, options.plan.release);
  AddMadeSince(options, done.fence, outcome);
  outcome.next = NextOf(
      done.salvaged, options.plan.release,
      fmt::format("move the applications to {}, with the code of that time", pg::Redacted(done.salvaged.restored)));
}

// On the restored server; where the last command left off, or behind a salvage of the same one.
void AddDecisions(Context& context, const salvage::Decisions& decisions, const std::string& restored,
                  journal::Journal& journal, Outcome& outcome) {
  if (!Any(decisions)) return;
  const plan::Plan plan = rollout::RequirePlan(context.release());
  const recover::SalvageOptions options = SalvageOptionsOf(context, plan, nullptr);
  const salvage::Resolution done = recover::Resolve(options, restored, decisions, journal);
  const std::string file = (options.state / "conflicts.json").string();
  base::Json result = salvage::ToJson(done.resolved);
  result["url"] = restored;
  result["groups"] = salvage::GroupsJson(done.groups);
  result["conflicts_file"] = file;
  if (outcome.result.empty()) {
    outcome.result = std::move(result);
  } else {
    outcome.result["decided"] = std::move(result);
  }
  outcome.text += (outcome.text.empty() ? "" : "\n") + ShowResolved(done, plan.release, file);
  const bool refused = done.resolved.refused > 0 || !done.resolved.stale.empty();
  if (refused) outcome.exit = base::Exit::kHold;
  if (outcome.next.find("--cut-over") != std::string::npos) return;
  outcome.next = refused || done.resolved.left > 0 ? rollout::NextOfConflicts(plan.release, file, kMove) : kMove;
}

void AddSalvage(Context& context, const std::string& restored, journal::Journal& journal, Outcome& outcome) {
  const plan::Plan plan = rollout::RequirePlan(context.release());
  const auto provider = rollout::ProviderIfAny(context.project().environment, context.StateDirectory());
  const recover::SalvageOptions options = SalvageOptionsOf(context, plan, provider.get());
  if (context.invocation().Has("--cut-over")) return AddCutOver(context, options, restored, journal, outcome);
  const recover::SalvageReport salvaged = recover::Salvage(options, restored, journal);
  outcome.result["salvage"] = recover::ToJson(salvaged);
  outcome.text += (outcome.text.empty() ? "" : "\n") + Show(salvaged, plan.release);
  const bool to_fence = salvaged.old_server_answered && !IsCutOver(options, restored, journal);
  outcome.next = to_fence
                     ? fmt::format(
                           "switchback restore {} --cut-over: it ends the applications' writes to the old server and "
                           "carries over the last",
                           plan.release)
                     : NextOf(salvaged, plan.release, kMove);
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
  if (invocation.Has("--dry-run")) return ShowLoss(context);
  if (invocation.Has("--cut-over")) context.Database();  // before anything is done: it needs the old server
  // Not the mirror: the old server may be down, which is what a restore is for.
  journal::Journal journal = journal::Journal::Open(context.StateDirectory());
  const salvage::Decisions decisions = DecisionsOf(invocation);
  if (invocation.Has("--lift-fence")) return LiftFence(context, journal);
  if (invocation.Has("--go-on") || (invocation.Has("--cut-over") && !invocation.Has("--salvage"))) {
    Outcome outcome;
    const std::string restored = recover::LastRestored(context.StateDirectory(), journal);
    AddSalvage(context, restored, journal, outcome);
    AddDecisions(context, decisions, restored, journal, outcome);
    return outcome;
  }
  if (!invocation.Has("--salvage") && Any(decisions)) {
    Outcome outcome;
    AddDecisions(context, decisions, recover::LastRestored(context.StateDirectory(), journal), journal, outcome);
    return outcome;
  }
  const backup::Point point = checkpoint::Load(context.StateDirectory()).point;
  const auto provider = rollout::MakeProvider(context.project().environment, backup::LineOf(point));
  const std::string directory = invocation.Option("--directory");
  const recover::RestoreReport report =
      recover::Restore({.conninfo = OldServer(context),
                        .state = context.StateDirectory(),
                        .directory = directory.empty() ? rollout::NewServerDirectory(context.project().environment)
                                                       : std::filesystem::absolute(directory).lexically_normal(),
                        .source_wal = invocation.Option("--source-wal"),
                        .tell = [](const std::string& text) { base::Info("{}", text); }},
                       *provider, journal);
  Outcome outcome{
      .result = recover::ToJson(report),
      .text = Show(report),
      .next = "look at the new server; move the applications to it, with the code of that time, or stop it"};
  if (!invocation.Has("--salvage")) return outcome;
  AddSalvage(context, report.restored.url, journal, outcome);
  AddDecisions(context, decisions, report.restored.url, journal, outcome);
  return outcome;
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
      {.name = "--decide",
       .value = "CAUSE=CHOICE",
       .help = "of all conflicts of a cause or a group, now and after later salvages: restored, application or delta",
       .many = true},
      {.name = "--resolve", .value = "FILE", .help = "of single conflicts: `take` in a copy of the file of conflicts"}};
  options.insert(options.end(), of_salvage.begin(), of_salvage.end());
  return {
      .name = "restore",
      .summary = "Make a new server from the checkpoint, beside the old one",
      .arguments = {{.name = "RELEASE", .help = "a release below releases/, the beginning of its name, or a path"}},
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
      .verb = RestoreBeside};
}

}  // namespace cli
