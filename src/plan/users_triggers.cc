#include "plan/users_triggers.h"

#include <fmt/core.h>

#include <algorithm>

#include "plan/hangers.h"

namespace plan {
namespace {

// UPDATE OF cannot name a column that is not there yet. The batches write to leaves, where no statement trigger of
// their parent fires.
bool Concerns(const catalog::Table& table, const catalog::Trigger& trigger) {
  return trigger.on_update && trigger.enabled && !trigger.ours && !trigger.update_of &&
         (table.kind != 'p' || trigger.row);
}

void AcceptOfPartitions(Builder& builder, const catalog::Table& table, Backfill& backfill) {
  for (const std::string& object : builder.release().accepts) {
    const bool of_partition =
        object.starts_with("trigger ") &&
        std::any_of(table.partitions.begin(), table.partitions.end(),
                    [&](const pg::QualifiedName& leaf) { return object.ends_with(" on " + leaf.Text()); });
    if (of_partition && builder.Accepted(object)) backfill.triggers.push_back(object);
  }
}

}  // namespace

void SettleTriggers(Builder& builder, const sql::Location& at, Backfill& backfill) {
  const catalog::Table& table = builder.catalog().tables.at(backfill.table);
  // To skip the ordinary ones would set these off.
  const bool for_replicas = std::any_of(table.triggers.begin(), table.triggers.end(),
                                        [&](const catalog::Trigger& t) { return Concerns(table, t) && t.mode == 'R'; });
  for (const catalog::Trigger& trigger : table.triggers) {
    if (!Concerns(table, trigger) || trigger.mode == 'R') continue;
    const std::string object = fmt::format("trigger {} on {}", trigger.name, table.name.Text());
    const bool always = trigger.mode == 'A';
    const bool accepted = builder.Accepted(object);
    if (accepted) backfill.triggers.push_back(object);
    if (!always && !for_replicas && builder.catalog().may_skip_triggers) {
      builder.Notice(Phase::kMigrate, object + " does not fire for the rows that the backfill fills");
    } else if (accepted) {
      builder.Notice(Phase::kMigrate, object + " fires for each row that the backfill fills, as release.yaml accepts");
    } else {
      const std::string why = always         ? "it is ENABLE ALWAYS"
                              : for_replicas ? "another one of the table is ENABLE REPLICA"
                                             : "the role may not set session_replication_role";
      builder.Block(object, fmt::format("it would fire for each row that the backfill fills: {}", why),
                    fmt::format("{}; or let it fire: `accept: [\"{}\"]` in release.yaml",
                                always || for_replicas
                                    ? "disable it for the time of the release"
                                    : "GRANT SET ON PARAMETER session_replication_role to the role (PostgreSQL 15 on)",
                                object),
                    at);
    }
  }
  AcceptOfPartitions(builder, table, backfill);
  for (const catalog::Dependent& rule : RulesOn(table)) {
    if (rule.definition.find("ON UPDATE TO") == std::string::npos) continue;
    builder.Block("rule " + rule.name, "it rewrites each update of the table, those that fill the new column too",
                  "drop the rule before, or make it a trigger", at);
  }
}

}  // namespace plan
