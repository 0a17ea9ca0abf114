#include "salvage/finish.h"

#include <fmt/format.h>

#include <map>

#include "salvage/sql_text.h"

namespace salvage {
namespace {

struct Sequence {
  std::string name;
  std::int64_t last = 0;
  std::int64_t increment = 1;
};

std::map<std::int64_t, Sequence> ReadSequences(pg::Connection& connection) {
  std::map<std::int64_t, Sequence> sequences;
  const pg::Result rows = connection.Query(std::string(sql_text::kReadSequences));
  for (int row = 0; row < rows.rows(); ++row) {
    sequences[rows.Int(row, 0)] = {rows.Text(row, 1), rows.Int(row, 2), rows.Int(row, 3)};
  }
  return sequences;
}

bool IsBeyond(const Sequence& one, const std::optional<Sequence>& other) {
  if (!other) return true;
  return one.increment > 0 ? one.last > other->last : one.last < other->last;
}

std::int64_t CarryFromOld(pg::Connection& restored, pg::Connection& old_server) {
  const std::map<std::int64_t, Sequence> here = ReadSequences(restored);
  std::int64_t carried = 0;
  for (const auto& [oid, sequence] : ReadSequences(old_server)) {
    const auto known = here.find(oid);
    if (!IsBeyond(sequence, known == here.end() ? std::nullopt : std::optional(known->second))) continue;
    // Its name on the restored server: it may be called otherwise on the old one by now.
    const pg::Result name = restored.Query(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = "
        "c.relnamespace "
        "WHERE c.oid = $1::int8::oid AND c.relkind = 'S'",
        {std::to_string(oid)});
    if (name.rows() == 0) continue;
    restored.Query("SELECT setval($1::text::regclass, $2::int8)", {name.Text(0, 0), std::to_string(sequence.last)});
    ++carried;
  }
  return carried;
}

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
              "SELECT setval($1::text::regclass, m.most) FROM (SELECT max({})::int8 AS most FROM {}) AS m, {} AS s "
              "WHERE m.most > s.last_value OR m.most = s.last_value AND NOT s.is_called",
              pg::Ident(column.name), table->From(), column.sequence),
          {column.sequence});
      carried += set.rows();
    }
  }
  return carried;
}

}  // namespace

std::int64_t CarrySequences(pg::Connection& restored, pg::Connection* old_server, const Targets& targets,
                            const std::vector<std::int64_t>& tables) {
  return old_server != nullptr ? CarryFromOld(restored, *old_server) : CarryFromColumns(restored, targets, tables);
}

}  // namespace salvage
