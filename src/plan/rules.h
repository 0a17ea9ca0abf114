#pragma once

#include <string>
#include <vector>

#include "plan/builder.h"
#include "plan/column_change.h"
#include "sql/parse.h"

// The rules of the table "how a change is compiled", one function each; column replacements stand in replacement.h.
namespace plan {

// A column that keeps its name and storage: type without rewrite, default, NOT NULL.
void ChangeInPlace(Builder& builder, const ColumnChange& change);
// Its SET DEFAULT, in expand, or DROP DEFAULT, in contract. `former`: the default until then.
void ChangeDefault(Builder& builder, const ColumnChange& change, const std::optional<std::string>& former);

// The columns are there at the end of the release, by the names that they have then; blocks by name where one is not.
bool ColumnsStand(Builder& builder, const sql::Action& action, const catalog::Table& table,
                  const std::vector<ColumnChange>& changes, const std::vector<std::string>& columns);

// ADD CHECK, ADD FOREIGN KEY, ADD UNIQUE, DROP CONSTRAINT. `changes`: the columns of the release.
void AddCheck(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes);
void AddForeignKey(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes);
void AddUnique(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes);
void DropConstraint(Builder& builder, const sql::Action& action);

void CreateIndex(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes);
void DropIndex(Builder& builder, const sql::Action& action);

// ALTER TABLE ... REPLICA IDENTITY, with what it costs. Blocks where applications' updates would fail from then on. Of
// a table that the release itself makes: opaque.
void SetReplicaIdentity(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes);

void CreateTable(Builder& builder, const sql::Action& action);
// An index or a constraint of a table that this release makes: it stands from expand on, and goes with the table.
void AddToNewTable(Builder& builder, const pg::QualifiedName& table, const std::string& name, std::string forward,
                   const Condition& done, std::vector<Lock> locks);
void DropTable(Builder& builder, const sql::Action& action);

// UPDATE, DELETE, INSERT.
bool ChangesData(sql::Kind kind);

// Those with images kept; without a primary key: opaque.
void ChangeData(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes);

// What no rule knows: the author gives `down`, or it is a point of no return; and what it writes, or its rows are an
// alarm.
void RunOpaque(Builder& builder, const sql::Action& action, const std::string& reason,
               const std::vector<ColumnChange>& changes);

// A key of `writes`: "table" or "schema.table", parts that need it in quotes.
sql::Name NameAsWritten(const std::string& written);

// Columns that release.yaml declares additive: blocks where one is no integer or numeric column of a table.
void CheckAdditive(Builder& builder, const std::vector<ColumnChange>& changes);

// Those that a statement can write: generated ones are left out.
std::vector<std::string> StoredColumns(const catalog::Table& table);

}  // namespace plan
