#include "run/drift.h"

#include <fmt/core.h>

#include <algorithm>

#include "catalog/carry.h"
#include "catalog/catalog.h"
#include "catalog/read.h"
#include "journal/mirror.h"

namespace run {
namespace {

// Rows that row security hides from the role would be left as they are.
void AddHidden(const catalog::Catalog& catalog, const plan::Plan& plan, Drift& drift) {
  const bool data = std::ranges::any_of(plan.steps, [](const plan::Step& step) { return step.data.has_value(); });
  for (const pg::QualifiedName& name : plan.tables) {
    const auto table = catalog.tables.find(name);
    if (table == catalog.tables.end() || table->second.all_rows_shown) continue;
    drift.forward.push_back(fmt::format("{}: row security hides rows from the role {}", name.Text(), catalog.role));
    if (data) drift.undo.push_back(drift.forward.back());
  }
}

}  // namespace

base::Json DescribeTouched(pg::Connection& connection, const plan::Plan& plan) {
  return catalog::Describe(catalog::Read(connection, {.relations = plan.tables, .taken_names = false}), plan.tables);
}

Drift FindDrift(pg::Connection& connection, const plan::Plan& plan, bool begun) {
  std::optional<base::Json> left;
  if (begun && journal::SchemaInstalled(connection)) left = journal::LoadTouched(connection, plan.release);
  const catalog::Catalog found = catalog::Read(connection, {.relations = plan.tables, .taken_names = false});
  const base::Json before = left ? *left : plan.touched;
  const base::Json now = catalog::Describe(found, plan.tables);
  const auto differences = [&](plan::Need need) {
    return catalog::Differences(plan::Needed(plan, before, need), plan::Needed(plan, now, need));
  };
  Drift drift{.forward = differences(plan::Need::kForward), .undo = {}, .notices = {}};
  if (left) {
    drift.undo = differences(plan::Need::kUndo);
    drift.notices = catalog::Differences(before, now);
    std::erase_if(drift.notices, [&](const std::string& sentence) {
      return std::ranges::find(drift.forward, sentence) != drift.forward.end();
    });
  }
  AddHidden(found, plan, drift);
  return drift;
}

void StoreEffects(pg::Connection& connection, const plan::Plan& plan, const base::Json& before) {
  const base::Json after = DescribeTouched(connection, plan);
  for (const journal::HeldTouched& held : journal::HoldTouched(connection, plan.release)) {
    const base::Json was = held.touched ? *held.touched : before;
    const base::Json is = catalog::Carry(was, before, after);
    if (!held.touched || is != was) journal::StoreTouched(connection, held.release, is);
  }
}

}  // namespace run
