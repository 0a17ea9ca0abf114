#include "rollout/audit.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/long_work.h"
#include "checkpoint/content_hash.h"
#include "journal/tag.h"
#include "proof/images.h"
#include "recover/diagnose.h"
#include "recover/log_loss.h"
#include "salvage/stage.h"

namespace rollout {
namespace {

// So much is read in a second or two.
constexpr std::int64_t kCountedMost = 1'000'000;
constexpr std::uint64_t kSegmentsMost = 8;
// `watch` and a restore read the stream too, and what one of them reads is read for all.
constexpr std::chrono::milliseconds kBusyWait = std::chrono::minutes(1);

bool Writes(const plan::Step& step) {
  return !step.footprint.empty() || step.kind == plan::StepKind::kBackfill || step.kind == plan::StepKind::kData ||
         step.kind == plan::StepKind::kOpaque;
}

// Where the last audit ended; before the first, at the checkpoint.
pg::Lsn AuditedThrough(const journal::Journal& journal, const checkpoint::Checkpoint& checkpoint) {
  const journal::Event* last = journal.Last("audited");
  if (last == nullptr || last->body.value("slot", "") != checkpoint.slot) return checkpoint.point.lsn;
  return pg::Lsn::Parse(last->body.at("through").get<std::string>());
}

base::Json AlarmOf(const proof::StepAudit& step, const proof::Outside& outside) {
  base::Json alarm = proof::ToJson(outside);
  alarm["step"] = step.step;
  alarm["direction"] = step.direction;
  return alarm;
}

// Of the time for reading the stream: at least half, or it would fall behind what the applications write.
double ShareOf(OpenRelease& open) { return std::max(open.session().limits.throttle.share, 0.5); }

const plan::Step* StepOf(const plan::Plan& plan, const std::string& id) {
  const auto step =
      std::find_if(plan.steps.begin(), plan.steps.end(), [&](const plan::Step& each) { return each.id == id; });
  return step == plan.steps.end() ? nullptr : &*step;
}

// Of an account by table, whatever it was counted from.
template <typename Tables>
void AddTables(const Tables& tables, gate::LossFact& loss) {
  for (const auto& [name, table] : tables) {
    loss.tables.push_back({name.Text(), table.inserted, table.updated, table.deleted, table.truncated > 0});
  }
}

// Whoever may connect can send messages without end. They are read again and counted with the next line that has
// something to say; a new kind of them is.
bool SaysNothing(const base::Json& body, const journal::Journal& journal) {
  if (!body.at("steps").empty() || !body.at("alarms").empty()) return false;
  const std::vector<base::Json>& known = ReadAudits(journal).unverified;
  for (const base::Json& unverified : body.at("unverified")) {
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const base::Json& each) {
      return each.at("touches") == unverified.at("touches");
    });
    if (!is_known) return false;
  }
  const journal::Event* last = journal.Last("audited");
  if (last == nullptr) return body.at("not_evidenced").empty();
  return last->body.value("not_evidenced", base::Json::array()) == body.at("not_evidenced") &&
         last->body.value("lost", "") == body.at("lost");
}

}  // namespace

Auditor::Auditor(OpenRelease& open) : open_(open), checkpoint_(checkpoint::Find(open.state())) {
  if (!checkpoint_ || checkpoint_->slot.empty()) return;
  stored_ = proof::ReadStored(open_.connection(), checkpoint_->publications);
}

void Auditor::AfterStep(const plan::Step& step) {
  if (!Writes(step)) return;
  const std::size_t before = ReadAudits(open_.journal()).alarms.size();
  Look();
  const Audits audits = ReadAudits(open_.journal());
  if (audits.alarms.size() <= before) return;
  std::string detail;
  for (const std::string& alarm : audits.alarms) detail += (detail.empty() ? "" : "\n") + alarm;
  throw base::Error(base::Code::kGateNoGo, fmt::format("step {} wrote something that it does not declare", step.id))
      .Detail(detail)
      .Hint(fmt::format("Go back with `switchback rollback {}`, or, where it is as it should be, go on with "
                        "--accept-alarms.",
                        open_.plan().release))
      .TargetChanged(base::Changed::kYes);
}

void Auditor::Look() {
  if (!checkpoint_ || checkpoint_->slot.empty()) return;
  const bool begun = open_.journal().Last("intent") != nullptr;
  base::Json body = {{"slot", checkpoint_->slot},
                     {"through", AuditedThrough(open_.journal(), *checkpoint_).Text()},
                     {"applications", 0},
                     {"steps", base::Json::array()},
                     {"alarms", base::Json::array()},
                     {"unverified", base::Json::array()},
                     {"not_evidenced", base::Json::array()},
                     {"lost", ""}};
  try {
    const stream::Drained drained = Drain();
    unread_ = drained.not_evidenced;
    if (drained.lost) body["lost"] = unread_;
    const base::LongWork work("comparing what the steps wrote with what they declare");
    if (begun) Compare(body);
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kInterrupted) throw;
    unread_ = fmt::format("the stream was not read: {}", error.message());
  }
  if (!unread_.empty()) body["not_evidenced"].push_back(unread_);
  if (!begun || SaysNothing(body, open_.journal())) return;
  for (const base::Json& alarm : body.at("alarms")) open_.Warn("alarm: " + AlarmText(alarm));
  for (const base::Json& unverified : body.at("unverified")) open_.Warn(UnverifiedText(unverified));
  open_.journal().Append("audited", body);
}

std::string Auditor::KeepUp() {
  if (!checkpoint_ || checkpoint_->slot.empty()) return "";
  try {
    return Drain().not_evidenced;
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kInterrupted) throw;
    return error.message();
  }
}

stream::Drained Auditor::Drain() {
  stream::Drained drained =
      stream::Drain({.connect = open_.session().connect,
                     .slot = checkpoint_->slot,
                     .publications = checkpoint_->publications,
                     .from = checkpoint_->point.lsn,
                     .state = open_.state(),
                     .busy_wait = open_.waited_in_vain() ? std::chrono::milliseconds(0) : kBusyWait,
                     .stop = open_.session().stop,
                     .share = ShareOf(open_)});
  open_.waited_in_vain() = !drained.lost && !drained.not_evidenced.empty();
  return drained;
}

void Auditor::Compare(base::Json& body) {
  const proof::StoredTables now = proof::ReadStored(open_.connection(), checkpoint_->publications);
  stream::Reader reader = Open();
  const proof::Audit audit = proof::AuditFootprint(reader, {.plan = open_.plan(),
                                                            .after = AuditedThrough(open_.journal(), *checkpoint_),
                                                            .roots = proof::RootsOf(now),
                                                            .keys = proof::KeysOf(now),
                                                            .share = ShareOf(open_)});
  std::set<pg::QualifiedName> truncated;
  for (const proof::StepAudit& step : audit.steps) {
    if (!step.step.empty()) body["steps"].push_back(proof::ToJson(step));
    for (const proof::Outside& outside : step.outside) body["alarms"].push_back(AlarmOf(step, outside));
    AddImages(body, step);
    for (const auto& [table, wrote] : step.wrote) {
      if (wrote.truncated) truncated.insert(table);
      const plan::Step* wrote_it = StepOf(open_.plan(), step.step);
      if (wrote.columns_unknown == 0 || (wrote_it != nullptr && plan::ColumnsEvident(*wrote_it))) continue;
      body["not_evidenced"].push_back(fmt::format(
          "which columns of {} step {} changed: its replica identity is only the key", table.Text(), step.step));
    }
  }
  for (const proof::Unverified& unverified : audit.unverified) {
    body["unverified"].push_back(proof::ToJson(unverified));
  }
  body["applications"] = audit.applications;
  if (reader.place()) body["through"] = std::max(reader.place()->last_commit, checkpoint_->point.lsn).Text();
  AddUnseen(body, now, truncated);
}

// Of the way forward: the way back brings these images back.
void Auditor::AddImages(base::Json& body, const proof::StepAudit& audit) {
  const plan::Step* step = StepOf(open_.plan(), audit.step);
  if (step == nullptr || audit.direction != journal::Name(journal::Direction::kForward)) return;
  for (const proof::Outside& outside : proof::AuditImages(open_.connection(), *step)) {
    body["alarms"].push_back(AlarmOf(audit, outside));
  }
}

void Auditor::AddUnseen(base::Json& body, const proof::StoredTables& now,
                        const std::set<pg::QualifiedName>& truncated) {
  for (const std::string& sentence : proof::Uncovered(open_.connection(), now))
    body["not_evidenced"].push_back(sentence);
  for (const pg::QualifiedName& table : proof::Rewritten(stored_, now)) {
    if (truncated.count(table) > 0 || SameContent(table)) continue;
    body["not_evidenced"].push_back(
        fmt::format("{} was rewritten: what became of its rows is not in the stream", table.Text()));
  }
  stored_ = now;
}

// With a hash from the checkpoint, which also holds for a table that nobody else wrote to since.
bool Auditor::SameContent(const pg::QualifiedName& table) {
  if (!checkpoint_->content || checkpoint_->content->count(table) == 0) return false;
  return checkpoint::HashTable(open_.connection(), table) == checkpoint_->content->at(table);
}

stream::Reader Auditor::Open() const {
  return {open_.state(), checkpoint_->slot, {open_.release().name, journal::KeysOf(open_.state())}};
}

gate::LossFact Auditor::Loss(backup::BackupProvider* provider) {
  if (!checkpoint_) return {.not_evidenced = "there is no checkpoint"};
  gate::LossFact loss{.not_evidenced = checkpoint_->slot.empty() ? "the checkpoint has no logical slot" : unread_};
  loss.restore_takes = recover::RestoreTakes(*checkpoint_);
  try {
    if (loss.not_evidenced.empty()) CountInStream(loss);
  } catch (const base::Error& error) {
    loss.not_evidenced = fmt::format("the stream was not read: {}", error.message());
  }
  if (!loss.not_evidenced.empty() && provider != nullptr) CountInLog(*provider, loss);
  std::set<std::string> names;
  for (const auto& application : recover::ReadApplications(open_.connection())) names.insert(application.name);
  names.erase(open_.connection().options().application_name);
  loss.applications.assign(names.begin(), names.end());
  return loss;
}

void Auditor::CountInStream(gate::LossFact& loss) {
  stream::Reader reader = Open();
  const salvage::Account account = salvage::CountSince(reader, checkpoint_->point.lsn, kCountedMost);
  loss.at_least = reader.Next().has_value();
  loss.transactions = account.applications;
  if (loss.at_least && !account.first) loss.not_evidenced = "there is more in the stream than can be counted here";
  loss.first = account.first;
  if (!loss.at_least) loss.last = account.last;
  AddTables(account.tables, loss);
  loss.uncovered = proof::Uncovered(open_.connection(), stored_);
}

void Auditor::CountInLog(backup::BackupProvider& provider, gate::LossFact& loss) {
  const recover::LogCount count = recover::CountInLog({.checkpoint = *checkpoint_,
                                                       .state = open_.state(),
                                                       .provider = provider,
                                                       .server = &open_.connection(),
                                                       .segments_most = kSegmentsMost});
  if (!count.account) {
    loss.not_evidenced += "; and the log itself was " + count.note;
    return;
  }
  loss.note = fmt::format("{}; {}", std::exchange(loss.not_evidenced, ""), count.note);
  loss.evidence = recover::Name(recover::Evidence::kLog);
  loss.at_least = !count.to_the_end;
  loss.transactions = count.account->applications;
  loss.first = count.account->first;
  loss.last = count.account->last;
  loss.unnamed = count.account->unnamed;
  loss.tables.clear();
  AddTables(count.account->tables, loss);
  loss.uncovered = count.unlogged;
}

std::optional<SlotStanding> ReadSlotStanding(pg::Connection& connection, const journal::Journal& journal) {
  const journal::Event* checkpoint = journal.Last("checkpoint");
  const std::string name = checkpoint == nullptr ? "" : checkpoint->body.value("slot", "");
  if (name.empty()) return {};
  const stream::SlotState slot = stream::ReadSlot(connection, name);
  const std::string lost = stream::WhyLost(slot, name);
  return SlotStanding{.lost = lost.empty() ? ReadAudits(journal).lost : lost,
                      .soon_lost = stream::WhyNearlyLost(slot, name),
                      .kept = slot.kept,
                      .room = slot.room};
}

bool ArchiveServes(const std::filesystem::path& state, const backup::BackupProvider* provider) {
  const std::optional<checkpoint::Checkpoint> checkpoint = checkpoint::Find(state);
  return provider != nullptr && provider->Follows() && checkpoint && checkpoint->parking;
}

}  // namespace rollout
