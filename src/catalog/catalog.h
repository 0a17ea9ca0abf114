#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "pg/quote.h"

// What is in the database, as values: no connection here. read.h fills them.
namespace catalog {

// How two values of a type are told apart: by the operator of its default operator class, by its schema, since any
// other that is called = may stand before it in a search path.
struct Equality {
  std::string by = "pg_catalog.=";  // empty: json, xml, point ... have none; their text is compared
  std::string as = {};              // what both sides are read as, without work; empty: as they are
  bool exact = false;  // what is equal is the same, byte by byte: not so 1.0 and 1.00, '1 mon' and '30 days'
};

struct Column {
  std::string name = {};
  std::string type = {};  // format_type with search_path pg_catalog: "integer", "character varying(20)", "public.mood"
  bool not_null = false;
  // pg_get_expr with search_path pg_catalog: everything else is qualified
  std::optional<std::string> default_expression = {};
  bool generated = false;      // GENERATED ALWAYS AS ... STORED; its expression is default_expression then
  char identity = 0;           // 'a' always, 'd' by default, 0 none
  std::string collation = {};  // empty: the type's own
  Equality equality = {};
  std::vector<std::string> grants = {};  // column grants (attacl), as text
  // Outside of every digest, as are the comments below: what hangs on it and goes along.
  std::optional<std::string> comment = {};
  std::optional<int> statistics = {};     // its target, where it has one of its own
  std::string storage = {};               // "EXTERNAL", where it is another than its type's
  std::string compression = {};           // "pglz", where it is said
  std::vector<std::string> options = {};  // "n_distinct=-0.5"
  bool labelled = false;                  // it has security labels
};

struct Constraint {
  std::string name = {};
  char type = 'c';              // c check, f foreign key, p primary key, u unique, x exclusion
  std::string definition = {};  // pg_get_constraintdef
  std::vector<std::string> columns = {};
  bool validated = true;
  bool deferrable = false;
  std::string index = {};                            // p, u, x: its index
  pg::QualifiedName referenced = {};                 // f
  std::vector<std::string> referenced_columns = {};  // f
  char on_delete = 'a';                              // f: a no action, r restrict, c cascade, n set null, d set default
  char on_update = 'a';                              // f
  std::optional<std::string> comment = {};
};

struct Index {
  std::string name = {};        // in the table's schema
  std::string definition = {};  // pg_get_indexdef
  // plain key columns and included ones, and what its expressions and predicate read
  std::vector<std::string> columns = {};
  bool unique = false;
  bool primary = false;
  bool valid = true;
  bool expression = false;      // has an expression or a predicate
  bool identity = false;        // chosen by REPLICA IDENTITY USING INDEX; outside every digest
  std::string constraint = {};  // the constraint that owns it, or empty
  std::string tablespace = {};  // empty: the database's own
  std::string method = {};      // "btree"
};

struct Trigger {
  std::string name = {};
  std::string definition = {};  // pg_get_triggerdef
  std::string function = {};    // qualified
  bool before = false;
  bool row = false;
  bool on_insert = false;
  bool on_update = false;
  bool on_delete = false;
  std::vector<std::string> columns = {};  // that its UPDATE OF or its WHEN names
  bool update_of = false;
  bool enabled = true;
  char mode = 'O';    // tgenabled: O, D, R (ENABLE REPLICA), A (ENABLE ALWAYS)
  bool ours = false;  // its function lives in schema switchback
};

// Something elsewhere that hangs on this table or on some of its columns.
struct Dependent {
  enum class Kind {
    kView,
    kMaterializedView,
    kRule,
    kPolicy,
    kGeneratedColumn,
    kPublication,
    kFunction,
    kForeignKey,
    kStatistics
  };
  Kind kind = Kind::kView;
  // "public.active_users", "public.f(integer)"; of a rule, policy or foreign key "p on public.t"
  std::string name = {};
  // of this table, that it names; empty: none of them (the table as such, or its rows)
  std::vector<std::string> columns = {};
  bool by_text = false;          // a function found by the words of its body: it may mean another table's column
  std::string definition = {};   // where the server can print it
  pg::QualifiedName table = {};  // kForeignKey: the one that has the constraint; kStatistics: itself
};

struct Table {
  pg::QualifiedName name = {};
  char kind = 'r';         // r table, p partitioned, v view, m materialized view, f foreign table
  char persistence = 'p';  // p, u unlogged, t temporary
  std::string owner = {};
  char replica_identity = 'd';
  bool row_security = false;
  std::vector<Column> columns = {};  // in physical order, dropped ones left out
  std::vector<Constraint> constraints = {};
  std::vector<Index> indexes = {};
  std::vector<Trigger> triggers = {};            // internal ones (foreign keys) left out
  std::vector<Dependent> dependents = {};        // publications of switchback left out
  std::vector<std::string> partition_key = {};   // columns
  std::vector<std::string> rows_stored_in = {};  // "public.log.before": columns whose type is made of this table's rows
  // Columns whose default or NOT NULL is another one in some partition or heir.
  std::vector<std::string> set_in_partitions = {};
  std::vector<pg::QualifiedName> partitions = {};  // leaves, all levels; of a table that is inherited from, its heirs
  std::optional<pg::QualifiedName> parent = {};    // where it is a partition or inherits
  std::vector<pg::QualifiedName> below = {};       // of a view: what it reads, and what that reads
  std::vector<std::string> grants = {};            // relacl, as text
  // Observed: outside every digest.
  std::int64_t rows_estimate = 0;
  std::int64_t bytes = 0;  // pg_total_relation_size
  std::uint32_t oid = 0;
  std::uint32_t relfilenode = 0;
  bool owned = true;           // the connected role may do what its owner may
  bool all_rows_shown = true;  // no row security applies to it
  bool subscribed = false;     // rows arrive by logical replication
  bool rows_whole = false;     // replica identity FULL where its rows are: the table itself, or each of its partitions
  std::int64_t row_bytes = 0;  // of one row on average, values out of line included; 0: not known
  std::int64_t rewritten = 0;  // updates and deletes that the statistics count
  std::int64_t counted_for = 0;  // seconds; 0: nobody knows since when

  [[nodiscard]] const Column* FindColumn(const std::string& column) const;
  [[nodiscard]] const Constraint* FindConstraint(const std::string& constraint) const;
  [[nodiscard]] const Constraint* PrimaryKey() const;
  [[nodiscard]] std::vector<std::string> KeyColumns() const;  // of the primary key; empty: none
};

// A function that is no part of PostgreSQL itself.
struct Routine {
  bool pure = false;            // it can be trusted to read no table: IMMUTABLE, or given nothing that could name one
  std::string definition = {};  // where it is SQL or PL/pgSQL
};

// A type as asked for by its written name.
struct Type {
  std::string name = {};  // canonical: format_type with the typmod
  bool exists = false;
  Equality equality = {};
};

// How a value of one type becomes another's.
struct Cast {
  bool exists = false;      // an explicit cast works
  bool coercible = false;   // ALTER TYPE needs no rewrite, whatever the session's settings: binary coercible, or a
                            // typmod that only widens
  bool same_order = false;  // values are equal, and come one after the other, as before
  std::set<std::string> methods = {};  // of indexes for which the server takes another operator class by default
  bool safe = false;  // no value of the source can make it raise or lose something (int to bigint, varchar to text)
};

struct Catalog {
  int server_version = 0;  // 150020
  std::string database = {};
  std::string system_identifier = {};
  std::string encoding = {};      // "UTF8"; of the database
  bool may_skip_triggers = true;  // the role may set session_replication_role; outside every digest
  std::string role = {};          // the connected one
  // Settings that a session of this role has in this database otherwise than this program's sessions, with the value
  // that it has; outside every digest. Only where they were asked for.
  std::map<std::string, std::string> own_settings = {};
  std::vector<std::string> search_path = {};  // the role's, existing schemas, in which unqualified names are looked for
  std::map<pg::QualifiedName, Table> tables = {};
  std::map<std::string, Type> types = {};  // by written name, and every read column's type by its own
  std::map<std::pair<std::string, std::string>, Cast> casts = {};  // by canonical names, (from, to)
  std::map<pg::QualifiedName, pg::QualifiedName> indexes = {};     // index -> its table
  // Names that relations (indexes too) and constraints have in the schemas of the tables.
  std::set<pg::QualifiedName> taken_relations = {};
  std::set<pg::QualifiedName> taken_constraints = {};
  std::map<std::string, std::vector<Routine>> routines =
      {};  // by name alone; all, where one of those asked for is there
  // What the server says against those of the asked statements that it does not understand, by their text.
  std::map<std::string, std::string> refused = {};

  // Resolves a name as written through search_path; null: no such table.
  [[nodiscard]] const Table* Find(const std::string& schema, const std::string& name) const;
  // The index's own qualified name and its table; null: no such index.
  [[nodiscard]] const std::pair<const pg::QualifiedName, pg::QualifiedName>* FindIndex(const std::string& schema,
                                                                                       const std::string& name) const;
  // Where a new unqualified object would be created.
  [[nodiscard]] std::string CreationSchema() const;
  [[nodiscard]] const Type& TypeOf(const std::string& written) const;  // throws kInternal where it was not asked for
  [[nodiscard]] Cast CastBetween(const std::string& from,
                                 const std::string& to) const;  // equal names: exists, coercible, safe
};

// The part of a table that takes part in digests: columns, constraints, indexes, triggers, grants and what hangs on
// them; no OIDs, sizes, nor anything of switchback's own.
base::Json Describe(const Table& table);
// {"schema.table": Describe(...), or null where there is no such table}.
base::Json Describe(const Catalog& catalog, const std::vector<pg::QualifiedName>& tables);
// What differs between two descriptions, a sentence each: "public.users: column age is bigint, was integer". Empty:
// equal.
std::vector<std::string> Differences(const base::Json& before, const base::Json& after);

}  // namespace catalog
