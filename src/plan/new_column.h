#pragma once

#include <string>
#include <vector>

#include "plan/builder.h"
#include "plan/column_change.h"
#include "plan/pair.h"

namespace plan {

// The step of expand that adds a column, or brings it back after an undo retired it as `retired`. The same name twice:
// an undo leaves it as it is. `definition`: type and what follows it.
void AddColumnStep(Builder& builder, const pg::QualifiedName& table, const std::string& column,
                   const std::string& retired, const std::string& definition, const std::string& why);
// The same with the triggers of its pair, in one transaction: applications never find the one without the other,
// neither forward nor back. `kept`: how the title goes on, "kept in step with age"; `traits`: statements that give it
// what else its definition does not say.
void AddColumnInStep(Builder& builder, const Pair& pair, const std::string& definition, const std::string& why,
                     const std::string& kept, const std::vector<std::string>& traits = {});
// The step of migrate that fills the new column of a pair.
void AddBackfill(Builder& builder, const Pair& pair, const sql::Location& at);

// ADD COLUMN.
void AddColumn(Builder& builder, const ColumnChange& change, const std::vector<ColumnChange>& all);

// Statements from texts.
std::vector<Statement> Statements(std::vector<std::string> texts);

}  // namespace plan
