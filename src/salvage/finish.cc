#include "salvage/finish.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "salvage/sql_text.h"

namespace salvage {
namespace {

struct Sequence {
  std::string name;  // quoted
  std::int64_t increment = 1;
  bool cycles = false;
  std::int64_t last = 0;
  bool called = false;  // else `last` is the next value

  [[nodiscard]] bool IsBeyond(const Sequence& other) const {
    if (cycles) return last != other.last || called != other.called;
    if (last == other.last) return called && !other.called;
    return increment > 0 ? last > other.last : last < other.last;
  }
};

std::map<std::int64_t, Sequence> ReadSequences(pg::Connection& connection, std::vector<std::string>& unread) {
  std::map<std::int64_t, Sequence> sequences;
  const pg::Result rows = connection.Query(std::string(sql_text::kReadSequences));
  for (int row = 0; row < rows.rows(); ++row) {
    Sequence sequence{.name = rows.Text(row, 1), .increment = rows.Int(row, 2), .cycles = rows.Bool(row, 3)};
    if (!rows.Bool(row, 4)) {
      unread.push_back(sequence.name);
      continue;
    }
    const pg::Result state = connection.Query(fmt::format("SELECT last_value, is_called FROM {}", sequence.name));
    sequence.last = state.Int(0, 0);
    sequence.called = state.Bool(0, 1);
    sequences.emplace(rows.Int(row, 0), std::move(sequence));
  }
  return sequences;
}

// By OID, because a sequence may be called otherwise on the old server by now; one that was made anew by its name.
std::int64_t CarryFromOld(pg::Connection& restored, pg::Connection& old_server, std::vector<std::string>& unread) {
  const std::map<std::int64_t, Sequence> old = ReadSequences(old_server, unread);
  std::int64_t carried = 0;
  for (const auto& [oid, here] : ReadSequences(restored, unread)) {
    auto there = old.find(oid);
    if (there == old.end()) {
      there = std::ranges::find(old, here.name, [](const auto& entry) { return entry.second.name; });
    }
    if (there == old.end() || !there->second.IsBeyond(here)) continue;
    restored.Query("SELECT setval($1::text::regclass, $2::int8, $3::bool)",
                   {here.name, std::to_string(there->second.last), there->second.called ? "t" : "f"});
    ++carried;
  }
  return carried;
}

// Beyond all values of the columns that own them.
std::int64_t CarryFromColumns(pg::Connection& restored, const Targets& targets,
                              const std::vector<std::int64_t>& tables) {
  std::int64_t carried = 0;
  for (const std::int64_t oid : tables) {
    const Table* table = targets.Find(oid);
    if (table == nullptr) continue;
    for (const Column& column : table->columns) {
      if (column.sequence.empty()) continue;
      const pg::Result set = restored.Query(
          fmt::format(
              "SELECT setval($1::text::regclass, m.most) FROM (SELECT CASE WHEN p.seqincrement > 0 THEN max(t.{0}) "
              "ELSE min(t.{0}) END::int8 AS most, p.seqincrement > 0 AS up FROM {1} AS t, pg_sequence AS p "
              "WHERE p.seqrelid = $1::text::regclass GROUP BY p.seqincrement) AS m, {2} AS s "
              "WHERE CASE WHEN m.up THEN m.most > s.last_value ELSE m.most < s.last_value END "
              "OR m.most = s.last_value AND NOT s.is_called",
              pg::Ident(column.name), table->From(), column.sequence),
          {column.sequence});
      carried += set.rows();
    }
  }
  return carried;
}

}  // namespace

std::int64_t CarrySequences(pg::Connection& restored, pg::Connection* old_server, const Targets& targets,
                            const std::vector<std::int64_t>& tables, std::vector<std::string>& unread) {
  return old_server != nullptr ? CarryFromOld(restored, *old_server, unread)
                               : CarryFromColumns(restored, targets, tables);
}

}  // namespace salvage
