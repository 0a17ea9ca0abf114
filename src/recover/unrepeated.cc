#include "recover/unrepeated.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "catalog/read.h"
#include "recover/sql_text.h"
#include "run/drift.h"
#include "run/look.h"

namespace recover {
namespace {

using Objects = std::map<std::string, std::string>;  // digests by name

Objects ReadObjects(pg::Connection& server) {
  Objects objects;
  const pg::Result rows = server.Query(std::string(sql_text::kSchemaObjects));
  for (int row = 0; row < rows.rows(); ++row) objects[rows.Text(row, 0)] = rows.Text(row, 1);
  return objects;
}

void CompareObjects(const Objects& before, const Objects& now, const std::string& by,
                    std::vector<std::string>& sentences) {
  for (const auto& [name, digest] : before) {
    const auto found = now.find(name);
    if (found == now.end()) {
      sentences.push_back(name + " is gone" + by);
    } else if (found->second != digest) {
      sentences.push_back(name + " is another one" + by);
    }
  }
  for (const auto& [name, digest] : now) {
    if (before.count(name) == 0) sentences.push_back(name + " is new" + by);
  }
}

// Of a partitioned table its root, and partitions that only one of the servers has.
std::vector<pg::QualifiedName> Names(const proof::StoredTables& before, const proof::StoredTables& now,
                                     const std::set<pg::QualifiedName>& but) {
  std::set<pg::QualifiedName> names;
  std::map<pg::QualifiedName, int> partitions;
  for (const proof::StoredTables* tables : {&before, &now}) {
    for (const auto& [oid, table] : *tables) {
      if (but.count(table.name) > 0 || but.count(table.root) > 0) continue;
      names.insert(table.root);
      if (table.name != table.root) ++partitions[table.name];
    }
  }
  for (const auto& [name, times] : partitions) {
    if (times == 1) names.insert(name);
  }
  return {names.begin(), names.end()};
}

}  // namespace

std::vector<std::string> Unrepeated(const SchemaOf& restored, const SchemaOf& old_server, const plan::Plan& plan,
                                    const journal::Journal& journal) {
  const journal::Position position = run::WhereItStands(old_server.server, plan, journal);
  const bool open = position.in_flight || position.half;
  const bool begun = journal.Last("intent") != nullptr;
  std::set<pg::QualifiedName> releases;
  if (begun) releases.insert(plan.tables.begin(), plan.tables.end());
  const std::vector<pg::QualifiedName> tables = Names(restored.tables, old_server.tables, releases);
  const auto describe = [&](pg::Connection& server) {
    return catalog::Describe(catalog::Read(server, {.relations = tables, .taken_names = false, .bodies = false}),
                             tables);
  };
  std::vector<std::string> sentences = catalog::Differences(describe(restored.server), describe(old_server.server));
  // Nobody knows what a statement of the release's that was not understood made.
  const bool opaque =
      std::ranges::any_of(plan.steps, [](const plan::Step& step) { return step.kind == plan::StepKind::kOpaque; });
  CompareObjects(ReadObjects(restored.server), ReadObjects(old_server.server),
                 begun && opaque ? ", if not by the release itself" : "", sentences);
  if (position.done > 0 && !open && position.done < plan.steps.size()) {
    const run::Drift drift = run::FindDrift(old_server.server, plan);
    sentences.insert(sentences.end(), drift.forward.begin(), drift.forward.end());
    sentences.insert(sentences.end(), drift.notices.begin(), drift.notices.end());
  }
  return sentences;
}

}  // namespace recover
