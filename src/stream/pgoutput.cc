#include "stream/pgoutput.h"

#include "stream/bytes.h"

namespace stream {
namespace {

pg::Lsn TakeLsn(Bytes& bytes) { return {bytes.Take<std::uint64_t>()}; }

Begin TakeBegin(Bytes& bytes) {
  Begin begin;
  begin.commit = TakeLsn(bytes);
  begin.time = bytes.Take<std::int64_t>();
  begin.xid = bytes.Take<std::uint32_t>();
  return begin;
}

Commit TakeCommit(Bytes& bytes) {
  Commit commit;
  if (bytes.Take<std::uint8_t>() != 0) Bytes::Malformed("a commit has flags that are not known");
  commit.commit = TakeLsn(bytes);
  commit.end = TakeLsn(bytes);
  commit.time = bytes.Take<std::int64_t>();
  return commit;
}

Origin TakeOrigin(Bytes& bytes) {
  Origin origin;
  origin.commit = TakeLsn(bytes);
  origin.name = bytes.TakeName();
  return origin;
}

// An empty schema is pg_catalog.
pg::QualifiedName TakeQualified(Bytes& bytes) {
  pg::QualifiedName name;
  name.schema = bytes.TakeName();
  if (name.schema.empty()) name.schema = "pg_catalog";
  name.name = bytes.TakeName();
  return name;
}

// How many of something that takes `least` bytes each follow.
std::size_t TakeCount(Bytes& bytes, std::size_t least) {
  const std::size_t count = bytes.Take<std::uint16_t>();
  if (count * least > bytes.Left()) Bytes::Malformed("a message says that it has more than it can have");
  return count;
}

Relation TakeRelation(Bytes& bytes) {
  Relation relation;
  relation.id = bytes.Take<std::uint32_t>();
  relation.name = TakeQualified(bytes);
  relation.identity = bytes.Take<char>();
  constexpr std::size_t kLeast = 1 + 1 + 4 + 4;
  relation.columns.resize(TakeCount(bytes, kLeast));
  for (Column& column : relation.columns) {
    column.key = (bytes.Take<std::uint8_t>() & 1U) != 0;
    column.name = bytes.TakeName();
    column.type = bytes.Take<std::uint32_t>();
    column.modifier = bytes.Take<std::int32_t>();
  }
  return relation;
}

Type TakeType(Bytes& bytes) {
  Type type;
  type.id = bytes.Take<std::uint32_t>();
  type.name = TakeQualified(bytes);
  return type;
}

Row TakeRow(Bytes& bytes) {
  Row row(TakeCount(bytes, 1));
  for (Value& value : row) {
    switch (bytes.Take<char>()) {
      case 'n':
        break;
      case 'u':
        value.kind = Value::Kind::kUnchanged;
        break;
      case 't':
        value.kind = Value::Kind::kText;
        value.text = bytes.TakeText(bytes.Take<std::uint32_t>());
        break;
      default:
        Bytes::Malformed("a value is of a kind that is not known");
    }
  }
  return row;
}

Insert TakeInsert(Bytes& bytes) {
  Insert insert;
  insert.relation = bytes.Take<std::uint32_t>();
  if (bytes.Take<char>() != 'N') Bytes::Malformed("an insert has no new row");
  insert.row = TakeRow(bytes);
  return insert;
}

// True: the whole row. `kind` is what stands before it.
bool IsWholeRow(char kind) {
  if (kind != 'K' && kind != 'O') Bytes::Malformed("an old row is of a kind that is not known");
  return kind == 'O';
}

Update TakeUpdate(Bytes& bytes) {
  Update update;
  update.relation = bytes.Take<std::uint32_t>();
  char kind = bytes.Take<char>();
  if (kind != 'N') {
    update.old_is_row = IsWholeRow(kind);
    update.old = TakeRow(bytes);
    kind = bytes.Take<char>();
  }
  if (kind != 'N') Bytes::Malformed("an update has no new row");
  update.row = TakeRow(bytes);
  return update;
}

Delete TakeDelete(Bytes& bytes) {
  Delete gone;
  gone.relation = bytes.Take<std::uint32_t>();
  gone.old_is_row = IsWholeRow(bytes.Take<char>());
  gone.old = TakeRow(bytes);
  return gone;
}

Truncate TakeTruncate(Bytes& bytes) {
  Truncate truncate;
  const std::size_t count = bytes.Take<std::uint32_t>();
  const auto options = bytes.Take<std::uint8_t>();
  truncate.cascade = (options & 1U) != 0;
  truncate.restart_identity = (options & 2U) != 0;
  if (count * sizeof(std::uint32_t) != bytes.Left()) Bytes::Malformed("a truncate names more or less than it says");
  for (std::size_t i = 0; i < count; ++i) truncate.relations.push_back(bytes.Take<std::uint32_t>());
  return truncate;
}

Emitted TakeEmitted(Bytes& bytes) {
  Emitted emitted;
  emitted.transactional = (bytes.Take<std::uint8_t>() & 1U) != 0;
  emitted.at = TakeLsn(bytes);
  emitted.prefix = bytes.TakeName();
  emitted.content = bytes.TakeText(bytes.Take<std::uint32_t>());
  return emitted;
}

Message Take(Bytes& bytes) {
  switch (bytes.Take<char>()) {
    case 'B':
      return TakeBegin(bytes);
    case 'C':
      return TakeCommit(bytes);
    case 'O':
      return TakeOrigin(bytes);
    case 'R':
      return TakeRelation(bytes);
    case 'Y':
      return TakeType(bytes);
    case 'I':
      return TakeInsert(bytes);
    case 'U':
      return TakeUpdate(bytes);
    case 'D':
      return TakeDelete(bytes);
    case 'T':
      return TakeTruncate(bytes);
    case 'M':
      return TakeEmitted(bytes);
    default:
      Bytes::Malformed("a message is of a kind that is not known");
  }
}

}  // namespace

Message Decode(std::string_view message) {
  Bytes bytes(message);
  Message decoded = Take(bytes);
  bytes.End();
  return decoded;
}

std::optional<std::uint32_t> RelationOf(std::string_view message) {
  Bytes bytes(message);
  const char kind = bytes.Take<char>();
  if (kind != 'I' && kind != 'U' && kind != 'D') return std::nullopt;
  return bytes.Take<std::uint32_t>();
}

}  // namespace stream
