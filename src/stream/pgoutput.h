#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pg/lsn.h"
#include "pg/quote.h"

// The messages of PostgreSQL's output plugin pgoutput, protocol version 1, as values. Pure. The texts of values point
// into what was decoded.
namespace stream {

struct Begin {
  pg::Lsn commit;         // where the commit record begins
  std::int64_t time = 0;  // of the commit, microseconds since 2000-01-01 UTC
  std::uint32_t xid = 0;
};

struct Commit {
  pg::Lsn commit;  // as in Begin
  pg::Lsn end;     // where the commit record ends
  std::int64_t time = 0;
};

struct Origin {
  pg::Lsn commit;  // on the origin
  std::string name;
};

struct Column {
  std::string name;
  std::uint32_t type = 0;  // OID
  std::int32_t modifier = -1;
  bool key = false;  // a part of the replica identity
  bool operator==(const Column&) const = default;
};

// What a table looks like from here on. Sent before its first change, and again when it changed.
struct Relation {
  std::uint32_t id = 0;  // OID
  pg::QualifiedName name;
  char identity = 'd';  // 'd' primary key, 'n' nothing, 'f' the whole row, 'i' an index
  std::vector<Column> columns;
  bool operator==(const Relation&) const = default;
};

struct Type {
  std::uint32_t id = 0;
  pg::QualifiedName name;
};

struct Value {
  enum class Kind { kNull, kUnchanged, kText };  // kUnchanged: a TOASTed value that was not touched, and is not sent
  Kind kind = Kind::kNull;
  std::string_view text;
};
// One for each column of the relation. In a key, columns that are no part of it are kNull.
using Row = std::vector<Value>;

struct Insert {
  std::uint32_t relation = 0;
  Row row;
};
struct Update {
  std::uint32_t relation = 0;
  bool old_is_row = false;  // `old` is the whole row (replica identity full), not a key
  std::optional<Row> old;   // nothing: the key did not change
  Row row;
};
struct Delete {
  std::uint32_t relation = 0;
  bool old_is_row = false;
  Row old;
};
struct Truncate {
  std::vector<std::uint32_t> relations;
  bool cascade = false;
  bool restart_identity = false;
};

// Of pg_logical_emit_message.
struct Emitted {
  bool transactional = false;
  pg::Lsn at;
  std::string_view prefix;
  std::string_view content;
};

using Message = std::variant<Begin, Commit, Origin, Relation, Type, Insert, Update, Delete, Truncate, Emitted>;

// Throws kStreamMalformed: a message of an unknown kind, or one that is shorter or longer than it says.
Message Decode(std::string_view message);

// The relation of an Insert, Update or Delete, which its first bytes tell; nothing: it is none of them.
std::optional<std::uint32_t> RelationOf(std::string_view message);

}  // namespace stream
