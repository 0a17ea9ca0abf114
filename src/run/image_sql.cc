#include "run/image_sql.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

namespace run {
namespace {

std::string Each(std::size_t count, const std::string& separator, const std::function<std::string(std::size_t)>& part) {
  std::string text;
  for (std::size_t i = 1; i <= count; ++i) text += (i == 1 ? "" : separator) + part(i);
  return text;
}

std::string One(bool one) { return one ? " AND n.g = $1::text[]" : ""; }

}  // namespace

ImageSql::ImageSql(const plan::DataChange::Capture& capture, std::string net, std::set<std::string> unsettable,
                   std::set<std::string> generated, std::vector<Reference> references)
    : capture_(capture),
      net_(std::move(net)),
      unsettable_(std::move(unsettable)),
      generated_(std::move(generated)),
      references_(std::move(references)) {
  for (const std::string& column : capture_.key) {
    const auto found = std::find(capture_.columns.begin(), capture_.columns.end(), column);
    key_.push_back(static_cast<std::size_t>(found - capture_.columns.begin()) + 1);
  }
}

std::string ImageSql::Images() const { return pg::Ident("switchback", capture_.images); }

std::string ImageSql::KeyText(const std::string& prefix) const {
  std::vector<std::string> parts;
  for (const std::size_t k : key_) parts.push_back(fmt::format("{}{}::text", prefix, k));
  return fmt::format("ARRAY[{}]", fmt::join(parts, ", "));
}

std::string ImageSql::KeyChanged() const {
  return fmt::format("SELECT EXISTS (SELECT FROM {} AS i WHERE i.op = 'U' AND {} IS DISTINCT FROM {})", Images(),
                     KeyText("i.b"), KeyText("i.a"));
}

std::string ImageSql::CreateNet(bool by_image) const {
  const std::string row_key = fmt::format("CASE i.op WHEN 'D' THEN {} ELSE {} END", KeyText("i.b"), KeyText("i.a"));
  const std::string g = by_image ? "ARRAY[i.seq::text]" : row_key;
  std::vector<std::string> key;
  for (std::size_t i = 0; i < key_.size(); ++i) {
    key.push_back(fmt::format("{}, l.row_key[{}]", pg::Literal(capture_.key[i]), i + 1));
  }
  const std::size_t n = capture_.columns.size();
  return fmt::format(
      "CREATE TEMPORARY TABLE {net} ON COMMIT DROP AS "
      "WITH ranked AS (SELECT i.*, {g} AS g, {row_key} AS row_key, "
      "pg_catalog.row_number() OVER (PARTITION BY {g} ORDER BY i.seq) AS from_first, "
      "pg_catalog.row_number() OVER (PARTITION BY {g} ORDER BY i.seq DESC) AS from_last FROM {images} AS i) "
      "SELECT l.g, l.seq, l.row_key, pg_catalog.jsonb_build_object({key}) AS key, "
      "CASE WHEN f.op = 'I' AND l.op = 'D' THEN '-' WHEN f.op = 'I' THEN 'I' WHEN l.op = 'D' THEN 'D' ELSE 'U' END AS "
      "kind, "
      "false AS settled, NULL::text AS reason, {before}, {after} "
      "FROM ranked AS f JOIN ranked AS l ON l.g = f.g WHERE f.from_first = 1 AND l.from_last = 1",
      fmt::arg("net", net_), fmt::arg("g", g), fmt::arg("row_key", row_key), fmt::arg("images", Images()),
      fmt::arg("key", fmt::join(key, ", ")),
      fmt::arg("before", Each(n, ", ", [](std::size_t i) { return fmt::format("f.b{}", i); })),
      fmt::arg("after", Each(n, ", ", [](std::size_t i) { return fmt::format("l.a{}", i); })));
}

std::string ImageSql::RowIs() const {
  std::vector<std::string> parts;
  for (const std::size_t k : key_) parts.push_back(fmt::format("t.{} = n.a{}", pg::Ident(capture_.columns[k - 1]), k));
  return fmt::format("{}", fmt::join(parts, " AND "));
}

std::string ImageSql::AsInserted() const {
  return Each(capture_.columns.size(), " AND ", [this](std::size_t i) {
    return fmt::format("t.{}::text IS NOT DISTINCT FROM n.a{}::text", pg::Ident(capture_.columns[i - 1]), i);
  });
}

std::string ImageSql::Settle(const std::string& hit, bool one) const {
  return fmt::format(
      "WITH hit AS ({}) UPDATE {} AS n SET settled = true FROM hit WHERE n.row_key = hit.row_key AND NOT n.settled{}",
      hit, net_, One(one));
}

std::string ImageSql::SetBack(bool one) const {
  std::vector<std::string> sets;
  std::vector<std::string> unchanged;
  for (std::size_t i = 1; i <= capture_.columns.size(); ++i) {
    const std::string column = pg::Ident(capture_.columns[i - 1]);
    if (!unsettable_.contains(capture_.columns[i - 1]) && !generated_.contains(capture_.columns[i - 1])) {
      sets.push_back(fmt::format(
          "{0} = CASE WHEN n.b{1}::text IS DISTINCT FROM n.a{1}::text THEN n.b{1} ELSE t.{0} END", column, i));
    }
    unchanged.push_back(
        fmt::format("(n.b{1}::text IS NOT DISTINCT FROM n.a{1}::text OR t.{0}::text IS NOT DISTINCT FROM n.a{1}::text)",
                    column, i));
  }
  return Settle(
      fmt::format(
          "UPDATE {} AS t SET {} FROM {} AS n WHERE n.kind = 'U' AND NOT n.settled AND {} AND {}{} RETURNING n.row_key",
          capture_.table.Sql(), fmt::join(sets, ", "), net_, RowIs(), fmt::join(unchanged, " AND "), One(one)),
      one);
}

std::string ImageSql::PutBack(bool one) const {
  std::vector<std::string> key;
  for (const std::string& column : capture_.key) key.push_back(pg::Ident(column) + "::text");
  std::vector<std::string> given;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < capture_.columns.size(); ++i) {
    if (generated_.contains(capture_.columns[i])) continue;
    given.push_back(capture_.columns[i]);
    values.push_back(fmt::format("n.b{}", i + 1));
  }
  return Settle(
      fmt::format(
          "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} AS n WHERE n.kind = 'D' AND NOT n.settled{} "
          "ON CONFLICT DO NOTHING RETURNING ARRAY[{}] AS row_key",
          capture_.table.Sql(), pg::IdentList(given), fmt::join(values, ", "), net_, One(one), fmt::join(key, ", ")),
      one);
}

std::string ImageSql::LockInserted(bool one) const {
  return fmt::format(
      "SELECT pg_catalog.count(*) FROM (SELECT FROM {} AS t JOIN {} AS n ON {} WHERE n.kind = 'I' AND NOT n.settled "
      "AND {}{} "
      "FOR UPDATE OF t) AS locked",
      capture_.table.Sql(), net_, RowIs(), AsInserted(), One(one));
}

std::string ImageSql::TakeAway(bool one) const {
  std::string unreferenced;
  for (const Reference& reference : references_) {
    std::vector<std::string> same;
    for (const auto& [theirs, ours] : reference.columns)
      same.push_back(fmt::format("r.{} = t.{}", pg::Ident(theirs), pg::Ident(ours)));
    unreferenced +=
        fmt::format(" AND NOT EXISTS (SELECT FROM {} AS r WHERE {})", reference.from.Sql(), fmt::join(same, " AND "));
  }
  return Settle(fmt::format("DELETE FROM {} AS t USING {} AS n WHERE n.kind = 'I' AND NOT n.settled AND {} AND {}{}{} "
                            "RETURNING n.row_key",
                            capture_.table.Sql(), net_, RowIs(), AsInserted(), unreferenced, One(one)),
                one);
}

std::string ImageSql::GiveReasons() const {
  const std::string exists = fmt::format("EXISTS (SELECT FROM {} AS t WHERE {})", capture_.table.Sql(), RowIs());
  const std::string same =
      fmt::format("EXISTS (SELECT FROM {} AS t WHERE {} AND {})", capture_.table.Sql(), RowIs(), AsInserted());
  // An inserted row that is gone is as it was before.
  return fmt::format(
      "UPDATE {0} AS n SET settled = n.kind = '-' OR (n.kind = 'I' AND NOT {1}), reason = coalesce(n.reason, "
      "CASE n.kind WHEN 'D' THEN 'a row with this key, or with a value that must be unique, is there again' "
      "WHEN 'I' THEN CASE WHEN {2} THEN 'other rows reference it' ELSE 'it was changed since' END "
      "ELSE CASE WHEN {1} THEN 'it was changed since' ELSE 'it was deleted since' END END) WHERE NOT n.settled",
      net_, exists, same);
}

std::string ImageSql::EmptyImages() const { return fmt::format("DELETE FROM {}", Images()); }

}  // namespace run
