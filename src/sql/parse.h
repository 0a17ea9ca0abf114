#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// Reading a change.sql: libpg_query (PostgreSQL 15's own grammar) tells what each statement is; texts are always slices
// of the author's source by location, never deparsed. Pure. libpg_query is included in this room only.
namespace sql {

struct Location {
  int line = 1;            // from 1
  int column = 1;          // from 1, in characters
  std::size_t offset = 0;  // bytes from the start of the text
};

// A name as it was written, folded and unquoted as the server would; schema empty where it was not qualified.
struct Name {
  std::string schema = {};
  std::string name = {};
  auto operator<=>(const Name&) const = default;
};

enum class Kind {
  kAddColumn,       // relation, column_def
  kDropColumn,      // relation, column, cascade
  kRenameColumn,    // relation, column, new_name
  kAlterType,       // relation, column, type, expression = USING (may be empty)
  kSetNotNull,      // relation, column
  kDropNotNull,     // relation, column
  kSetDefault,      // relation, column, expression, constant_default
  kDropDefault,     // relation, column
  kAddCheck,        // relation, constraint, expression, definition
  kAddForeignKey,   // relation, constraint, columns, referenced, referenced_columns, definition
  kAddUnique,       // relation, constraint, columns, definition; using_index where it names one
  kAddPrimaryKey,   // as kAddUnique
  kDropConstraint,  // relation, constraint, cascade
  kCreateIndex,     // relation, index, unique, columns, key_columns, over_expression, definition
  kDropIndex,       // index, cascade
  kCreateTable,     // relation, reads (LIKE, REFERENCES, AS); temporary ones, partitions and children of INHERITS are
                    // kOther
  kDropTable,       // relation, cascade
  kRenameTable,     // relation, new_name
  kSetReplica,      // relation, definition = DEFAULT, FULL, NOTHING or USING INDEX, using_index: REPLICA IDENTITY
  kUpdate,          // relation, columns (the SET targets), reads, writes
  kDelete,          // relation, reads, writes
  kInsertSelect,    // relation, columns, reads, writes: INSERT of any source
  kCreateObject,    // TYPE, VIEW, FUNCTION, SEQUENCE, SCHEMA, EXTENSION, TRIGGER ...: object_kind, object
  kOther,           // anything else: object_kind says what ("DO block", "GRANT", "ALTER TABLE ... CLUSTER ON")
};

struct ColumnDef {
  std::string name = {};
  std::string type = {};  // as written, "varchar(20)"
  bool not_null = false;
  std::optional<std::string> default_text = {};  // as written
  bool default_is_constant = false;              // a literal, perhaps cast or signed; NULL counts
  // inline things of other kinds, by name: "REFERENCES", "UNIQUE", "CHECK", "GENERATED", "COLLATE" ...
  std::vector<std::string> extras = {};
};

// An object that a statement makes, changes or drops.
struct Target {
  enum class Space {
    kUnknown,
    kRelation,  // views, sequences, indexes and statistics too
    kRoutine,
    kType,
    kSchema,
    kExtension,
    kRule,        // a trigger, rule or policy `part` of the relation
    kColumn,      // `part` of the relation
    kConstraint,  // `part` of the relation
  };
  Space space = Space::kUnknown;
  Name name = {};
  std::string part = {};
};

// What a text names. Columns are those of any relation; more may be named than is meant.
struct Mentions {
  std::vector<Target> targets = {};
  std::vector<Name> reads = {};
  std::vector<Name> writes = {};  // besides the target of an INSERT, UPDATE or DELETE
  std::vector<Name> functions = {};
  std::vector<Name> types = {};
  std::vector<std::string> columns = {};
  bool whole_rows = false;  // * and the like
  bool unknown = false;     // it may do anything: dynamic SQL, another language
};

// A constraint, or a sequence, that a CREATE TABLE makes with the table.
struct Inline {
  std::string kind = {};  // pkey, key, excl, fkey, check, seq, as in the names that the server gives
  std::string name = {};  // empty: the server's choice
  std::vector<std::string> columns = {};
  Name referenced = {};  // fkey
};

// What a UNIQUE constraint says besides its columns.
struct UniqueForm {
  std::vector<std::string> included = {};
  bool nulls_not_distinct = false;
  bool deferrable = false;
  bool initially_deferred = false;
  bool stored_apart = false;  // WITH (...) or USING INDEX TABLESPACE
};

// One action: an ALTER TABLE with three subcommands gives three.
struct Action {
  Kind kind = Kind::kOther;
  Name relation = {};
  std::string column = {};
  std::string new_name = {};
  std::string type = {};
  std::string expression = {};
  std::string constraint = {};  // empty where the author gave no name
  std::vector<std::string> columns = {};
  Name referenced = {};
  std::vector<std::string> referenced_columns = {};
  // the author's text of the constraint from its kind word on ("FOREIGN KEY (a) REFERENCES b (c)"),
  // of an index from USING or '(' on, to its end; of an ALTER TABLE subcommand that is kOther or kDropConstraint, all
  // of it ("CLUSTER ON i"), since `text` has its neighbours too; an ALTER TABLE whose commas cannot be told apart is
  // one kOther without it
  std::string definition = {};
  Name index = {};
  std::string using_index = {};
  std::vector<std::string> key_columns = {};  // of an index: its plain columns, in order, with the included ones
  bool over_expression = false;               // an index that has expressions for columns
  bool unique = false;
  bool concurrently = false;
  bool only = false;        // ALTER TABLE ONLY
  bool not_valid = false;   // of a constraint: rows that are there are left alone; `definition` does not say it
  bool no_inherit = false;  // of a check; `definition` says it too
  UniqueForm unique_form = {};
  bool if_exists = false;  // IF EXISTS or IF NOT EXISTS
  bool cascade = false;
  bool acts = false;                 // of a foreign key: it does more on DELETE or UPDATE than to refuse
  bool fills = false;                // of a CREATE TABLE: with rows of others (AS)
  std::vector<Inline> inlines = {};  // of a CREATE TABLE
  bool like = false;                 // it takes more from others (LIKE), nobody knows what
  bool or_replace = false;           // CREATE OR REPLACE
  bool constant_default = false;
  bool on_conflict = false;                        // of an INSERT: it has ON CONFLICT
  std::vector<std::string> conflict_columns = {};  // what its DO UPDATE sets
  std::optional<ColumnDef> column_def = {};
  std::vector<Name> reads = {};   // relations that a kUpdate, kDelete, kInsertSelect reads besides its target's own row
  std::vector<Name> writes = {};  // further relations, written by data-modifying CTEs
  std::string object_kind = {};
  std::string object = {};  // its name as written, for messages
  Mentions says = {};       // of the whole statement
  Mentions body = {};       // of the function that it makes, or of the DO block
  std::string text = {};    // the whole statement, without ';'
  int statement = 0;        // number of the statement in the text, from 1
  Location at;              // where the statement begins
};

// What the grammar of this library cannot read.
struct SyntaxError {
  std::string message = {};  // the parser's own
  Location at;
  std::string caret = {};  // two lines: the source line, and a caret under the character
};

using Parsed = std::variant<std::vector<Action>, SyntaxError>;

Parsed Parse(std::string_view text);

// Column names that an expression reads, in order of appearance, without duplicates; qualified ones by their last part.
// Throws kBadExpression (with the parser's words) for what is no expression, or has a subquery, an aggregate or a
// window function.
std::vector<std::string> ExpressionColumns(std::string_view expression);

// What the value of an expression depends on beside the columns that it reads, as far as its text tells: types of the
// columns are not known here, and functions that are not known count as kSession.
enum class DependsOn {
  kRow,      // nothing
  kSession,  // settings such as DateStyle and TimeZone, at the latest when its text is parsed
  kMoment,   // when it is evaluated, by whom, or chance
};
// Throws as ExpressionColumns.
DependsOn ExpressionDependsOn(std::string_view expression);

// libpg_query counts error positions in characters and statement locations in bytes; both become the same Location
// here.
Location LocateByte(std::string_view text, std::size_t byte_offset);
Location LocateCharacter(std::string_view text, std::size_t character_from_1);

}  // namespace sql
