#include "plan/builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "plan/order.h"

namespace plan {

Builder::Builder(const release::Release& release, const catalog::Catalog& catalog,
                 const std::vector<sql::Action>& actions)
    : release_(release), catalog_(catalog), actions_(actions), effects_(catalog, actions), names_(catalog) {
  plan_.release = release.name;
  plan_.title = release.title;
  plan_.hex = base::Sha256Hex(release.name).substr(0, 8);
}

std::string Builder::NewName() { return fmt::format("sbr_{}_{}", plan_.hex, ++generated_); }

std::string Builder::AuthorsPath() const {
  return catalog_.search_path.empty() ? "pg_catalog" : pg::IdentList(catalog_.search_path);
}

void Builder::For(int statement, Accesses accesses) {
  statement_ = statement;
  accesses_ = std::move(accesses);
}

void Builder::NameConstraint(const pg::QualifiedName& table, const std::string& name) {
  for (Access& access : accesses_) {
    if (access.mode == Mode::kWrite && access.resource == Resource{Aspect::kConstraint, table})
      access.resource.part = name;
  }
}

Step& Builder::Add(Phase phase, Rank rank, StepKind kind, std::string title, std::string why) {
  Step step;
  step.phase = phase;
  step.kind = kind;
  step.title = std::move(title);
  step.why = std::move(why);
  step.transactional = kind != StepKind::kConcurrent && kind != StepKind::kBackfill;
  step.statement = statement_;
  step.accesses = accesses_;
  return steps_[phase].emplace_back(Ranked{rank, std::move(step)}).step;
}

bool Builder::Accepted(const std::string& object) {
  asked_.push_back(object);
  return std::find(release_.accepts.begin(), release_.accepts.end(), object) != release_.accepts.end();
}

Step* Builder::OpaqueOf(int statement) {
  for (auto& [phase, ranked] : steps_) {
    for (Ranked& one : ranked) {
      if (one.step.kind == StepKind::kOpaque && one.step.statement == statement) return &one.step;
    }
  }
  return nullptr;
}

void Builder::Notice(Phase phase, std::string text) {
  const bool known = std::any_of(plan_.notices.begin(), plan_.notices.end(),
                                 [&](const plan::Notice& n) { return n.phase == phase && n.text == text; });
  if (!known) plan_.notices.push_back({phase, std::move(text)});
}

void Builder::Block(std::string object, std::string reason, std::string remedy, const sql::Location& at) {
  const bool known = std::any_of(plan_.blockers.begin(), plan_.blockers.end(),
                                 [&](const Blocker& b) { return b.object == object && b.reason == reason; });
  if (known) return;
  plan_.blockers.push_back({std::move(object), std::move(reason), std::move(remedy), at.line, at.column});
}

bool Builder::Stands(const sql::Name& relation, const sql::Location& at) {
  const pg::QualifiedName name = Resolve(catalog_, relation);
  // The system's own are in no catalog of ours.
  const bool system = name.schema == "information_schema" || relation.name.starts_with("pg_");
  if (system || catalog_.Find(relation.schema, relation.name) != nullptr || names_.MayBeCreated(name)) return true;
  Block(name.Text(), "there is no such table", "correct the name, or create it in a statement before this one", at);
  return false;
}

void Builder::MustMaster(const catalog::Table& table, const sql::Location& at) {
  if ((table.owned && table.all_rows_shown) || !not_mastered_.insert(table.name).second) return;
  const std::string role = pg::Ident(catalog_.role);
  if (!table.owned) {
    Block(table.name.Text(),
          fmt::format("it belongs to {}, and the role {} may not change it", table.owner, catalog_.role),
          fmt::format("GRANT {} TO {}; or run switchback as its owner", pg::Ident(table.owner), role), at);
  } else {
    Block(table.name.Text(),
          fmt::format("row security hides rows from the role {}, which would stay as they are", catalog_.role),
          fmt::format("ALTER ROLE {} BYPASSRLS; or ALTER TABLE {} NO FORCE ROW LEVEL SECURITY where the role owns it",
                      role, table.name.Sql()),
          at);
  }
}

void Builder::Touch(const pg::QualifiedName& table) {
  const auto place = std::lower_bound(plan_.tables.begin(), plan_.tables.end(), table);
  if (place == plan_.tables.end() || *place != table) plan_.tables.insert(place, table);
}

void Builder::Remember(const Pair& pair) {
  plan_.pairs.push_back(pair);
  plan_.pairs.back().search_path = AuthorsPath();
}

void Builder::AddAdditive(const pg::QualifiedName& table, const std::string& column) {
  plan_.additive[table].insert(column);
}

void Builder::BlockDisorder() {
  const auto statement = [&](int number) -> const sql::Action& {
    return *std::find_if(actions_.begin(), actions_.end(),
                         [&](const sql::Action& action) { return action.statement == number; });
  };
  const auto place = [&](int number) {
    const sql::Location& at = statement(number).at;
    return fmt::format("statement {} ({}:{}:{})", number, release_.change_path.string(), at.line, at.column);
  };
  const auto does = [](const Access& access) {
    const bool reads = access.mode == Mode::kRead || access.mode == Mode::kHold;
    return fmt::format("{} {}", reads ? "reads" : "changes", Text(access.resource));
  };
  for (const Disorder& disorder : DisordersOf(plan_.steps)) {
    const int earlier = disorder.earlier.statement;
    const int later = disorder.later.statement;
    const std::string why = disorder.severed
                                ? "it would hang on a column that the plan puts another one in place of"
                                : fmt::format("the plan would run {} ({}) before {} ({})", later,
                                              disorder.later_step->title, earlier, disorder.earlier_step->title);
    Block(place(later),
          fmt::format("it {}, and {} {}: {}", does(disorder.later), place(earlier), does(disorder.earlier), why),
          fmt::format("make it two releases: statement {} and what follows it into one after this", later),
          statement(later).at);
  }
}

Plan Builder::Finish() {
  for (const Phase phase : kPhases) {
    std::vector<Ranked>& ranked = steps_[phase];
    std::stable_sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
      if (a.rank != b.rank || a.rank != Rank::kData) return a.rank < b.rank;
      return a.step.statement < b.step.statement;
    });
    for (std::size_t i = 0; i < ranked.size(); ++i) {
      ranked[i].step.id = fmt::format("{}.{}", Name(phase), i + 1);
      plan_.steps.push_back(std::move(ranked[i].step));
    }
  }
  BlockDisorder();
  if (!plan_.blockers.empty()) plan_.steps.clear();
  std::stable_sort(plan_.notices.begin(), plan_.notices.end(),
                   [](const plan::Notice& a, const plan::Notice& b) { return a.phase < b.phase; });
  plan_.touched = catalog::Describe(catalog_, plan_.tables);
  base::Json sizes = base::Json::object();
  for (const pg::QualifiedName& name : plan_.tables) {
    const auto table = catalog_.tables.find(name);
    if (table == catalog_.tables.end()) continue;
    sizes[name.Text()] = {{"rows", table->second.rows_estimate}, {"bytes", table->second.bytes}};
  }
  plan_.observed = {{"tables", sizes}, {"server_version", catalog_.server_version}};
  plan_.digest = DigestOf(plan_);
  return std::move(plan_);
}

pg::QualifiedName Resolve(const catalog::Catalog& catalog, const sql::Name& name) {
  const catalog::Table* table = catalog.Find(name.schema, name.name);
  if (table != nullptr) return table->name;
  return {name.schema.empty() ? catalog.CreationSchema() : name.schema, name.name};
}

std::string RememberRetired(const Builder& builder, const std::string& generated, const std::string& kind,
                            const pg::QualifiedName& former, const std::string& definition) {
  return fmt::format(
      "INSERT INTO switchback.retired (release, generated_name, schema, kind, former_schema, former_name, definition) "
      "VALUES ({0}, {1}, {2}, {3}, {2}, {4}, {5}) ON CONFLICT (release, generated_name) DO NOTHING",
      pg::Literal(builder.release().name), pg::Literal(generated), pg::Literal(former.schema), pg::Literal(kind),
      pg::Literal(former.name), pg::Literal(definition));
}

std::string ForgetRetired(const Builder& builder, const std::string& generated) {
  return fmt::format("DELETE FROM switchback.retired WHERE release = {} AND generated_name = {}",
                     pg::Literal(builder.release().name), pg::Literal(generated));
}

}  // namespace plan
