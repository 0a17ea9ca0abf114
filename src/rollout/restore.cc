#include "rollout/restore.h"

#include <algorithm>
#include <utility>

#include "checkpoint/checkpoint.h"
#include "journal/journal.h"
#include "recover/log_loss.h"
#include "rollout/after_restore.h"
#include "rollout/plan_file.h"
#include "rollout/provider.h"
#include "rollout/travel.h"
#include "salvage/fence.h"

namespace rollout {
namespace {

std::optional<std::string> OldServer(const RestoreGround& ground) {
  return ground.old_server ? std::optional(ground.old_server->conninfo) : std::nullopt;
}

Known Look(const RestoreGround& ground) { return LookAnyhow(ground.old_server, ground.release, ground.State()); }

std::vector<std::string> Trusts(const RestoreGround& ground) {
  const release::Environment& environment = ground.project.environment;
  std::vector<std::string> roles;
  for (const release::Trusted& trusted : environment.trust) roles.push_back(trusted.role);
  for (const release::Trusted& trusted : ground.release.trust) roles.push_back(trusted.role);
  if (!environment.role.empty()) roles.push_back(environment.role);
  return roles;
}

recover::SalvageOptions OptionsOf(const RestoreGround& ground, const plan::Plan& plan,
                                  backup::BackupProvider* provider) {
  return {.conninfo = OldServer(ground),
          .state = ground.State(),
          .plan = plan,
          .tell = ground.tell,
          .provider = provider,
          .source_wal = ground.source_wal,
          .trusts = Trusts(ground),
          .lock_budget = ground.old_server ? ground.old_server->lock_budget : nullptr,
          .stop = ground.stop};
}

salvage::Patience PatienceOf(const RestoreGround& ground) {
  const release::Policy& policy = ground.project.environment.policy;
  return {{.lock_timeout = policy.lock_timeout, .retries = policy.lock_retries}, ground.terminate_blockers_after};
}

recover::RestoreReport MakeServer(const RestoreGround& ground, const std::filesystem::path& directory,
                                  journal::Journal& journal) {
  const release::Environment& environment = ground.project.environment;
  const auto provider = MakeProvider(environment, backup::LineOf(checkpoint::Load(ground.State()).point));
  return recover::Restore({.conninfo = OldServer(ground),
                           .state = ground.State(),
                           .directory = directory.empty() ? NewServerDirectory(environment) : directory,
                           .source_wal = ground.source_wal,
                           .tell = ground.tell},
                          *provider, journal);
}

salvage::FenceNow FenceOf(const RestoreGround& ground) {
  pg::Connection server = pg::Connection::Open({.conninfo = ground.old_server->conninfo});
  return salvage::LookAtFence(server);
}

// The old server is fenced, and what it has is on this restored one.
bool IsCutOver(const RestoreGround& ground, const std::string& restored, const journal::Journal& journal) {
  const std::optional<AfterRestore::Moment> cut_over = ReadAfterRestore(journal).cut_over;
  return cut_over && cut_over->url == pg::Redacted(restored) && FenceOf(ground).tables > 0;
}

// What applications write to them is on the old server alone.
std::vector<std::string> MadeSince(const RestoreGround& ground, const salvage::Fence& fence) {
  std::vector<std::string> made = FenceOf(ground).open;
  std::erase_if(made, [&](const std::string& table) { return std::ranges::count(fence.open, table) > 0; });
  return made;
}

CarriedOver CarryOver(const RestoreGround& ground, bool cut_over, const std::string& restored, const plan::Plan& plan,
                      journal::Journal& journal) {
  const auto provider = ProviderIfAny(ground.project.environment, ground.State());
  const recover::SalvageOptions options = OptionsOf(ground, plan, provider.get());
  if (cut_over) {
    recover::CutOverReport done = recover::CutOver(options, PatienceOf(ground), restored, journal);
    std::vector<std::string> made = MadeSince(ground, done.fence);
    return {.report = std::move(done.salvaged), .fence = std::move(done.fence), .made_since = std::move(made)};
  }
  CarriedOver carried{.report = recover::Salvage(options, restored, journal)};
  carried.to_fence = carried.report.old_server_answered && !IsCutOver(ground, restored, journal);
  return carried;
}

}  // namespace

bool Any(const salvage::Decisions& decisions) { return !decisions.groups.empty() || !decisions.file.is_null(); }

RestoreDone Restore(const RestoreGround& ground, const RestoreWishes& wishes) {
  Known known = Look(ground);
  journal::Journal& journal = known.journal;
  RestoreDone done{.url = "", .conflicts_file = ground.State() / "conflicts.json"};
  if (wishes.restore) {
    done.restored = MakeServer(ground, wishes.directory, journal);
    done.url = done.restored->restored.url;
  } else {
    done.url = recover::LastRestored(ground.State(), journal);
  }
  if (wishes.salvage || wishes.cut_over)
    done.carried_over = CarryOver(ground, wishes.cut_over, done.url, Required(known.plan, ground.release), journal);
  if (Any(wishes.decisions)) {
    const plan::Plan plan = Required(known.plan, ground.release);
    done.decided = recover::Resolve(OptionsOf(ground, plan, nullptr), done.url, wishes.decisions, journal);
  }
  return done;
}

recover::Loss CountLoss(const RestoreGround& ground) {
  const plan::Plan plan = Required(Look(ground).plan, ground.release);
  const auto provider = ProviderIfAny(ground.project.environment, ground.State());
  return recover::CountLossAnyhow(OptionsOf(ground, plan, provider.get()));
}

std::int64_t LiftFence(const RestoreGround& ground) {
  Known known = Look(ground);
  return recover::LiftFence(*ground.old_server, PatienceOf(ground), known.journal);
}

}  // namespace rollout
