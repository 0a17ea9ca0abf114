#include "plan/references.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "plan/directions.h"
#include "plan/replacement.h"
#include "release/nearest.h"

namespace plan {
namespace {

class References {
 public:
  References(Builder& builder, const std::vector<ColumnChange>& changes) : builder_(builder), changes_(changes) {}

  void Check() {
    for (const auto& [table, columns] : builder_.release().transforms) {
      for (const auto& [column, transform] : columns) Transform(table, column);
    }
    std::set<int> statements;
    for (const auto& [statement, down] : builder_.release().downs) statements.insert(statement);
    for (const auto& [statement, writes] : builder_.release().writes) statements.insert(statement);
    for (const int statement : statements) Opaque(statement);
    for (const std::string& accepted : builder_.release().accepts) Accept(accepted);
    for (const release::Invariant& invariant : builder_.release().invariants)
      Question(fmt::format("invariant {}", invariant.name), invariant.sql);
    for (const release::RollbackCondition& condition : builder_.release().rollback_conditions)
      Question(fmt::format("rollback condition {}", condition.name), condition.sql);
  }

 private:
  // What release.yaml says stands in no place of change.sql.
  void Block(const std::string& object, const std::string& reason, const std::string& word,
             const std::vector<std::string>& candidates, const std::string& otherwise) {
    const std::string nearest = release::Nearest(word, candidates);
    builder_.Block(object, reason, nearest.empty() ? otherwise : fmt::format("did you mean {}?", nearest), {});
  }

  [[nodiscard]] bool Takes(const ColumnChange& change) const {
    return change.added || change.dropped || NeedsReplacement(builder_, change);
  }

  void Transform(const std::string& table, const std::string& column) {
    std::vector<std::string> tables;
    std::vector<std::string> columns;
    for (const ColumnChange& change : changes_) {
      tables.push_back(change.table->name.name);
      if (!IsTable(change.table->name, table)) continue;
      columns.push_back(change.new_name);
      if (change.new_name == column && Takes(change)) return;
      if (change.new_name != column) continue;
      return builder_.Block(fmt::format("transforms of {}.{}", table, column),
                            "the column changes in place, so that no value is computed",
                            "leave the transform out of release.yaml", change.at);
    }
    const std::string object = fmt::format("transforms of {}.{}", table, column);
    if (columns.empty()) {
      return Block(object,
                   fmt::format("release.yaml names {}, and this release changes no column of such a table", table),
                   table.substr(table.rfind('.') + 1), tables, "correct the name in release.yaml");
    }
    Block(object,
          fmt::format("release.yaml names {}, and this release neither makes, changes nor drops such a column of {}",
                      column, table),
          column, columns, fmt::format("it may name {}", fmt::join(columns, ", ")));
  }

  void Opaque(int statement) {
    if (builder_.OpaqueOf(statement) != nullptr) return;
    const auto action = std::find_if(builder_.actions().begin(), builder_.actions().end(),
                                     [&](const sql::Action& one) { return one.statement == statement; });
    std::vector<std::string> opaque;
    int last = 0;
    for (const sql::Action& one : builder_.actions()) {
      if (one.statement != last && builder_.OpaqueOf(one.statement) != nullptr)
        opaque.push_back(std::to_string(one.statement));
      last = one.statement;
    }
    builder_.Block(
        fmt::format("opaque statement {}", statement),
        action == builder_.actions().end()
            ? fmt::format("release.yaml speaks of it, and change.sql has {} statements", last)
            : "release.yaml speaks of it, and it is compiled into steps, so that what is said there would not be used",
        opaque.empty() ? "leave it out of release.yaml: nothing is opaque"
                       : fmt::format("did you mean {}?", fmt::join(opaque, " or ")),
        action == builder_.actions().end() ? sql::Location() : action->at);
  }

  void Accept(const std::string& accepted) {
    const std::vector<std::string>& asked = builder_.asked();
    if (std::find(asked.begin(), asked.end(), accepted) != asked.end()) return;
    Block(fmt::format("accept: {}", accepted), "release.yaml accepts it, and nothing asks about it", accepted, asked,
          asked.empty() ? "leave it out of release.yaml" : fmt::format("asked about: {}", fmt::join(asked, ", ")));
  }

  void Question(const std::string& object, const std::string& sql) {
    const auto refused = builder_.catalog().refused.find(sql);
    if (sql.empty() || refused == builder_.catalog().refused.end()) return;
    std::vector<std::string> names;
    for (const auto& [name, table] : builder_.catalog().tables) {
      names.push_back(name.name);
      for (const catalog::Column& column : table.columns) names.push_back(column.name);
    }
    for (const pg::QualifiedName& name : builder_.catalog().taken_relations) names.push_back(name.name);
    const std::string& message = refused->second;
    const std::size_t begin = message.find('"');
    const std::size_t end = message.find('"', begin + 1);
    std::string word = begin == std::string::npos ? "" : message.substr(begin + 1, end - begin - 1);
    Block(object, fmt::format("the server does not understand it: {}", message), word.substr(word.rfind('.') + 1),
          names, "correct the query in release.yaml; it is asked before expand and after it");
  }

  Builder& builder_;
  const std::vector<ColumnChange>& changes_;
};

}  // namespace

void CheckReferences(Builder& builder, const std::vector<ColumnChange>& changes) {
  References(builder, changes).Check();
}

std::vector<std::string> QuestionsOf(const release::Release& release) {
  std::vector<std::string> questions;
  for (const release::Invariant& invariant : release.invariants) questions.push_back(invariant.sql);
  for (const release::RollbackCondition& condition : release.rollback_conditions) {
    if (!condition.sql.empty()) questions.push_back(condition.sql);
  }
  return questions;
}

}  // namespace plan
