#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "sql/parse.h"
#include "sql/tokens.h"

namespace sql {

// One statement of the text, as the rules see it.
struct Statement {
  const Source& source;
  Range range;             // its tokens, without ';'
  std::string type;        // libpg_query's name of the node: "AlterTableStmt"
  const base::Json& node;  // inside of the wrapper
  Action base;             // text, statement and at are set

  // A copy of `base` of that kind.
  [[nodiscard]] Action Make(Kind kind) const;
  [[nodiscard]] Action Other(std::string object_kind, std::string object = {}) const;
};

using Actions = std::vector<Action>;

// A rule for each group of statements. Each gives at least one action.
Actions AlterTable(const Statement& statement);
Actions Rename(const Statement& statement);
Actions Drop(const Statement& statement);
Actions CreateTable(const Statement& statement);
Actions CreateTableAs(const Statement& statement);
Actions CreateIndex(const Statement& statement);
Actions Update(const Statement& statement);
Actions Delete(const Statement& statement);
Actions Insert(const Statement& statement);
Actions Select(const Statement& statement);
// Everything else, by its first words: CREATE of some object, or kOther.
Actions Remaining(const Statement& statement);

// Parts of the above that stand in files of their own.
// `part` holds the tokens of ADD [COLUMN] ..., `definition` is its ColumnDef.
ColumnDef ReadColumnDef(const Source& source, Range part, const base::Json& definition);
// `part` holds the tokens of ADD [CONSTRAINT name] ..., `constraint` is the Constraint. kOther for EXCLUDE.
Action ReadConstraint(const Statement& statement, Range part, const base::Json& constraint);

// Relations that a tree mentions, in order of appearance, without duplicates; names of CTEs are not relations.
struct Relations {
  std::vector<Name> reads;
  std::vector<Name> writes;  // by data-modifying CTEs
};
// `tree` is the inside of a statement; its own target (`relation`, `into`) counts for neither.
Relations RelationsOf(const base::Json& tree);

}  // namespace sql
