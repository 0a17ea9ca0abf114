#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "pg/quote.h"
#include "plan/access.h"
#include "plan/phase.h"

namespace plan {

// A statement of a step. `only_if` is a query that gives one boolean, asked in the step's transaction just before;
// false skips the statement. So one step serves the first time and again after an undo (add the column, or bring the
// retired one back).
struct Statement {
  std::string sql;
  std::string only_if = {};
};

// A query that gives one boolean, and what it asks in words. An empty query holds always.
struct Condition {
  std::string sql;
  std::string text;
  // It asks about rows, which arrive and go at any time: it is proven when its step ends, and says nothing of where the
  // release stands afterwards.
  bool of_rows = false;
};

enum class StepKind {
  kSql,         // statements in one transaction
  kConcurrent,  // one statement outside transactions (CREATE / DROP INDEX CONCURRENTLY), idempotent by its
                // postcondition
  kBackfill,    // fills pending rows of one column pair in batches
  kData,        // the author's UPDATE, DELETE or INSERT, with images kept
  kOpaque,      // the author's statement that no rule knows
};

enum class LockWork { kNone, kScan, kRewrite };  // what happens to the table while the lock is held

struct Lock {
  pg::QualifiedName relation;
  std::string mode;  // "ACCESS EXCLUSIVE"
  LockWork work = LockWork::kNone;
};

// Tables and columns that a step declares it will write. kAllColumns: of a table that the release itself makes, whose
// columns nobody knows yet.
inline constexpr const char* kAllColumns = "*";
struct Written {
  pg::QualifiedName table;
  std::vector<std::string> columns;
};

// The backfill of one column: batches look at block ranges of `table` and take only rows for which `pending` holds.
// Expressions are over the columns of the table, whose alias is t.
struct Backfill {
  pg::QualifiedName table;
  std::string column;              // physical name of what is filled
  std::string pending;             // boolean expression
  std::string value;               // what the column becomes
  std::string unconverted;         // boolean: the row's value cannot be converted; empty: cannot happen
  std::string unconverted_reason;  // text expression; empty with the former
  std::vector<std::string> key;    // primary key columns, for lists of rows; empty: none, the ctid is listed
  // Triggers of the users that may fire for the rows that are filled, because the author accepted it: "trigger t on
  // public.users". All others have to be skipped.
  std::vector<std::string> triggers = {};
};

// A data change: images of its rows are kept by capture triggers, which act only in a transaction that has
// switchback.capture = `capture_id`.
struct DataChange {
  struct Capture {
    pg::QualifiedName table;
    std::string images;  // table in schema switchback: seq, op ('I', 'U', 'D'), b1..bn, a1..an
    // Of b1..bn and a1..an, in order; generated columns are left out, but for those of the key.
    std::vector<std::string> columns;
    std::vector<std::string> key;  // primary key columns, a subset of `columns`
  };
  std::string capture_id;
  std::vector<Capture> captures;  // the statement's own table first; then those that cascades may reach
};

// The unit of execution, journal and undo.
struct Step {
  std::string id;  // "expand.1", stable within the plan
  Phase phase = Phase::kExpand;
  StepKind kind = StepKind::kSql;
  std::string title;               // "add column public.users.display_name"
  std::string why;                 // a sentence
  std::vector<Statement> forward;  // a kData step's only statement is the author's; a kBackfill has none
  // Nothing: no way back, the point of no return. Empty: nothing to do on the way back. A kData step with `data` goes
  // back by its images.
  std::optional<std::vector<Statement>> reverse = std::vector<Statement>{};
  std::string reverse_title;        // "retire the column, keep its values"
  Condition precondition;           // false: the step is refused before it begins; its text is the reason
  Condition postcondition;          // holds right after the step, until the next one begins
  Condition reverse_postcondition;  // holds right after its reverse
  bool transactional = true;  // forward and reverse; a kConcurrent step is not, and a kBackfill is many transactions
  std::string search_path;    // for the author's own statements and expressions; empty: pg_catalog
  std::vector<Lock> locks;
  std::vector<Written> footprint;
  std::optional<Backfill> backfill;
  std::optional<DataChange> data;
  std::string index;  // kConcurrent: qualified SQL name of the index, dropped concurrently when found INVALID
  // Only while the plan is compiled; not in its JSON form.
  int statement = 0;       // that it is for, where that is one
  Accesses accesses = {};  // what statements do with it, each for its own part
};

// Whether it is known which columns the step's updates change, also where the stream has no row as it was: a backfill
// sets its column and, without triggers of the users, nothing else; a change of rows has its images.
bool ColumnsEvident(const Step& step);

std::string_view Name(StepKind kind);
std::string_view Name(LockWork work);  // "none", "scan", "rewrite"
base::Json ToJson(const Step& step);
Step StepFromJson(const base::Json& json);

}  // namespace plan
