#include "stream/entry.h"

#include "stream/bytes.h"

namespace stream {
namespace {

void PutText(std::string& to, std::string_view text) {
  Put(to, static_cast<std::uint32_t>(text.size()));
  to += text;
}

std::string_view TakeSized(Bytes& bytes) { return bytes.TakeText(bytes.Take<std::uint32_t>()); }

std::size_t TakeNumber(Bytes& bytes, std::size_t least) {
  const std::size_t count = bytes.Take<std::uint32_t>();
  if (count > bytes.Left() / least) Bytes::Malformed("an entry says that it has more than it can have");
  return count;
}

}  // namespace

std::string Encode(const Entry& entry) {
  std::string text;
  Put(text, entry.offset);
  Put(text, entry.bytes);
  Put(text, entry.commit.value);
  Put(text, entry.end.value);
  Put(text, entry.time);
  Put(text, entry.xid);
  Put(text, entry.changes);
  PutText(text, entry.origin);
  Put(text, entry.marks);
  Put(text, static_cast<std::uint8_t>(entry.mark.first));
  PutText(text, entry.mark.content);
  Put(text, static_cast<std::uint32_t>(entry.writes.size()));
  for (const Writes& writes : entry.writes) {
    Put(text, writes.relation);
    Put(text, writes.described_at);
    Put(text, writes.inserted);
    Put(text, writes.updated);
    Put(text, writes.deleted);
    Put(text, static_cast<std::uint8_t>(writes.truncated));
  }
  return text;
}

Entry DecodeEntry(std::string_view text) {
  Bytes bytes(text);
  Entry entry;
  entry.offset = bytes.Take<std::uint64_t>();
  entry.bytes = bytes.Take<std::uint64_t>();
  entry.commit = {bytes.Take<std::uint64_t>()};
  entry.end = {bytes.Take<std::uint64_t>()};
  entry.time = bytes.Take<std::int64_t>();
  entry.xid = bytes.Take<std::uint32_t>();
  entry.changes = bytes.Take<std::int64_t>();
  entry.origin = TakeSized(bytes);
  entry.marks = bytes.Take<std::int64_t>();
  entry.mark.first = bytes.Take<std::uint8_t>() != 0;
  entry.mark.content = TakeSized(bytes);
  entry.writes.resize(TakeNumber(bytes, 4 + 4 * 8 + 1));
  for (Writes& writes : entry.writes) {
    writes.relation = bytes.Take<std::uint32_t>();
    writes.described_at = bytes.Take<std::uint64_t>();
    writes.inserted = bytes.Take<std::int64_t>();
    writes.updated = bytes.Take<std::int64_t>();
    writes.deleted = bytes.Take<std::int64_t>();
    writes.truncated = bytes.Take<std::uint8_t>() != 0;
  }
  bytes.End();
  return entry;
}

}  // namespace stream
