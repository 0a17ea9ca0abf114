#include "run/image_sql.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace run {
namespace {

std::string Each(const std::vector<std::size_t>& places, const std::string& separator,
                 const std::function<std::string(std::size_t)>& part) {
  std::string text;
  for (const std::size_t i : places) text += (text.empty() ? "" : separator) + part(i);
  return text;
}

std::vector<std::size_t> Places(std::size_t count) {
  std::vector<std::size_t> places(count);
  std::iota(places.begin(), places.end(), std::size_t{1});
  return places;
}

std::string One(bool one) { return one ? " AND n.g = $1::text[]" : ""; }

}  // namespace

// What a statement takes its rows from, as n: the images or the net.
struct ImageSql::From {
  std::string n;
  std::string which;      // condition
  std::string returning;  // by which the rows are found again
};

ImageSql::ImageSql(const plan::DataChange::Capture& capture, std::size_t number, std::set<std::string> unsettable,
                   std::set<std::string> generated, std::vector<Reference> references)
    : capture_(capture),
      net_(fmt::format("pg_temp.switchback_net_{}", number)),
      settled_(fmt::format("pg_temp.switchback_settled_{}", number)),
      unsettable_(std::move(unsettable)),
      generated_(std::move(generated)),
      references_(std::move(references)),
      changed_(Places(capture.columns.size())) {
  for (const std::string& column : capture_.key) {
    const auto found = std::find(capture_.columns.begin(), capture_.columns.end(), column);
    key_.push_back(static_cast<std::size_t>(found - capture_.columns.begin()) + 1);
  }
}

ImageSql::From ImageSql::FromNet(char kind, bool one) const {
  return {net_, fmt::format("n.kind = '{}' AND NOT n.settled{}", kind, One(one)), "n.row_key"};
}

ImageSql::From ImageSql::FromImages(char kind) const {
  return {Images(), fmt::format("n.op = '{}'", kind), "n.seq, " + Count()};
}

std::string ImageSql::Images() const { return pg::Ident("switchback", capture_.images); }

std::string ImageSql::Count() const {
  return fmt::format("pg_catalog.nextval({}::pg_catalog.regclass) AS \"~counted\"", pg::Literal(sequence_));
}

std::string ImageSql::KeyText(const std::string& prefix) const {
  return fmt::format("ARRAY[{}]",
                     Each(key_, ", ", [&](std::size_t k) { return fmt::format("{}{}::text", prefix, k); }));
}

std::string ImageSql::Survey() const {
  const std::string differs = Each(Places(capture_.columns.size()), ", ", [](std::size_t i) {
    return fmt::format(
        "coalesce(pg_catalog.bool_or(i.op = 'U' AND i.b{0}::text IS DISTINCT FROM i.a{0}::text), "
        "false)",
        i);
  });
  const std::string sequence = fmt::format("pg_catalog.pg_get_serial_sequence({}, 'seq')", pg::Literal(Images()));
  const auto count = [](char kind) { return fmt::format("pg_catalog.count(*) FILTER (WHERE i.op = '{}')", kind); };
  return fmt::format(
      "SELECT {}, {}, {}, {}, coalesce(pg_catalog.bool_or(i.op = 'U' AND {} IS DISTINCT FROM {}), false), {} FROM {} "
      "AS "
      "i",
      sequence, count('I'), count('D'), count('U'), KeyText("i.b"), KeyText("i.a"), differs, Images());
}

void ImageSql::Apply(const std::string& sequence, const std::vector<std::size_t>& changed) {
  sequence_ = sequence;
  const bool any_to_set = std::any_of(changed.begin(), changed.end(), [this](std::size_t i) { return IsSettable(i); });
  if (any_to_set) changed_ = changed;
}

bool ImageSql::IsSettable(std::size_t place) const {
  const std::string& column = capture_.columns[place - 1];
  return !unsettable_.contains(column) && !generated_.contains(column);
}

std::string ImageSql::AnyTwice() const {
  const std::string key =
      Each(key_, ", ", [](std::size_t k) { return fmt::format("CASE i.op WHEN 'D' THEN i.b{0} ELSE i.a{0} END", k); });
  return fmt::format("SELECT EXISTS (SELECT FROM {} AS i GROUP BY {} HAVING pg_catalog.count(*) > 1)", Images(), key);
}

std::string ImageSql::CreateSettled() const {
  return fmt::format("CREATE TEMPORARY TABLE {} (seq bigint) ON COMMIT DROP", settled_);
}

std::string ImageSql::KeyForPeople(const std::string& row_key) const {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < key_.size(); ++i) {
    parts.push_back(fmt::format("{}, {}[{}]", pg::Literal(capture_.key[i]), row_key, i + 1));
  }
  return fmt::format("pg_catalog.jsonb_build_object({})", fmt::join(parts, ", "));
}

std::string ImageSql::CreateNet(bool by_image) const {
  const std::string row_key = fmt::format("CASE i.op WHEN 'D' THEN {} ELSE {} END", KeyText("i.b"), KeyText("i.a"));
  const std::string g = by_image ? "ARRAY[i.seq::text]" : row_key;
  const auto all = Places(capture_.columns.size());
  return fmt::format(
      "CREATE TEMPORARY TABLE {net} ON COMMIT DROP AS "
      "WITH ranked AS (SELECT i.*, {g} AS g, {row_key} AS row_key, "
      "pg_catalog.row_number() OVER (PARTITION BY {g} ORDER BY i.seq) AS from_first, "
      "pg_catalog.row_number() OVER (PARTITION BY {g} ORDER BY i.seq DESC) AS from_last FROM {images} AS i) "
      "SELECT l.g, l.seq, l.row_key, {key} AS key, "
      "CASE WHEN f.op = 'I' AND l.op = 'D' THEN '-' WHEN f.op = 'I' THEN 'I' WHEN l.op = 'D' THEN 'D' ELSE 'U' END AS "
      "kind, "
      "false AS settled, NULL::text AS reason, {before}, {after} "
      "FROM ranked AS f JOIN ranked AS l ON l.g = f.g WHERE f.from_first = 1 AND l.from_last = 1",
      fmt::arg("net", net_), fmt::arg("g", g), fmt::arg("row_key", row_key), fmt::arg("images", Images()),
      fmt::arg("key", KeyForPeople("l.row_key")),
      fmt::arg("before", Each(all, ", ", [](std::size_t i) { return fmt::format("f.b{}", i); })),
      fmt::arg("after", Each(all, ", ", [](std::size_t i) { return fmt::format("l.a{}", i); })));
}

std::string ImageSql::CreateEmptyNet() const { return CreateNet(false) + " WITH NO DATA"; }

std::string ImageSql::FillNet() const {
  const auto all = Places(capture_.columns.size());
  const auto list = [&](const char* prefix) {
    return Each(all, ", ", [&](std::size_t i) { return fmt::format("{0}b{1}, {0}a{1}", prefix, i); });
  };
  return fmt::format(
      "INSERT INTO {net} (g, seq, row_key, key, kind, settled, {columns}) "
      "SELECT k.row_key, i.seq, k.row_key, {key}, i.op::text, false, {values} FROM {images} AS i "
      "CROSS JOIN LATERAL (SELECT CASE i.op WHEN 'D' THEN {b} ELSE {a} END AS row_key) AS k "
      "WHERE i.op = $1 AND NOT EXISTS (SELECT FROM {settled} AS s WHERE s.seq = i.seq)",
      fmt::arg("net", net_), fmt::arg("columns", list("")), fmt::arg("key", KeyForPeople("k.row_key")),
      fmt::arg("values", list("i.")), fmt::arg("images", Images()), fmt::arg("b", KeyText("i.b")),
      fmt::arg("a", KeyText("i.a")), fmt::arg("settled", settled_));
}

std::string ImageSql::RowIs() const {
  return Each(key_, " AND ",
              [this](std::size_t k) { return fmt::format("t.{} = n.a{}", pg::Ident(capture_.columns[k - 1]), k); });
}

std::string ImageSql::AsInserted() const {
  return Each(Places(capture_.columns.size()), " AND ", [this](std::size_t i) {
    return fmt::format("t.{}::text IS NOT DISTINCT FROM n.a{}::text", pg::Ident(capture_.columns[i - 1]), i);
  });
}

std::string ImageSql::AsBefore() const {
  return Each(changed_, " AND ", [this](std::size_t i) {
    return fmt::format(
        "(n.b{1}::text IS NOT DISTINCT FROM n.a{1}::text OR t.{0}::text IS NOT DISTINCT FROM n.b{1}::text)",
        pg::Ident(capture_.columns[i - 1]), i);
  });
}

std::string ImageSql::Settle(const std::string& hit, bool one) const {
  return fmt::format(
      "WITH hit AS ({}) UPDATE {} AS n SET settled = true FROM hit WHERE n.row_key = hit.row_key AND NOT n.settled{}",
      hit, net_, One(one));
}

std::string ImageSql::Mark(const std::string& hit) const {
  return fmt::format("WITH hit AS ({}) INSERT INTO {} SELECT hit.seq FROM hit", hit, settled_);
}

std::string ImageSql::SetBackFrom(const From& from) const {
  std::vector<std::string> sets;
  std::vector<std::string> unchanged;
  for (const std::size_t i : changed_) {
    const std::string column = pg::Ident(capture_.columns[i - 1]);
    if (IsSettable(i)) {
      sets.push_back(fmt::format(
          "{0} = CASE WHEN n.b{1}::text IS DISTINCT FROM n.a{1}::text THEN n.b{1} ELSE t.{0} END", column, i));
    }
    unchanged.push_back(
        fmt::format("(n.b{1}::text IS NOT DISTINCT FROM n.a{1}::text OR t.{0}::text IS NOT DISTINCT FROM n.a{1}::text)",
                    column, i));
  }
  return fmt::format("UPDATE {} AS t SET {} FROM {} AS n WHERE {} AND {} AND {} RETURNING {}", capture_.table.Sql(),
                     fmt::join(sets, ", "), from.n, from.which, RowIs(), fmt::join(unchanged, " AND "), from.returning);
}

std::string ImageSql::SetBackAll() const { return Mark(SetBackFrom(FromImages('U'))); }
std::string ImageSql::SetBack(bool one) const { return Settle(SetBackFrom(FromNet('U', one)), one); }

std::string ImageSql::InsertFrom(const From& from) const {
  std::vector<std::string> given;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < capture_.columns.size(); ++i) {
    if (generated_.contains(capture_.columns[i])) continue;
    given.push_back(capture_.columns[i]);
    values.push_back(fmt::format("n.b{}", i + 1));
  }
  return fmt::format(
      "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} AS n WHERE {} ON CONFLICT DO NOTHING RETURNING {}",
      capture_.table.Sql(), pg::IdentList(given), fmt::join(values, ", "), from.n, from.which, from.returning);
}

// An INSERT returns nothing of where its rows come from: they are found again by their keys.
std::string ImageSql::PutBackAll() const {
  From from = FromImages('D');
  from.returning = fmt::format("{}, {}", pg::IdentList(capture_.key), Count());
  const std::string same = Each(key_, " AND ", [this](std::size_t k) {
    return fmt::format("n.b{} = hit.{}", k, pg::Ident(capture_.columns[k - 1]));
  });
  return fmt::format("WITH hit AS ({}) INSERT INTO {} SELECT n.seq FROM {} AS n JOIN hit ON {} WHERE {}",
                     InsertFrom(from), settled_, from.n, same, from.which);
}

std::string ImageSql::PutBack(bool one) const {
  std::vector<std::string> key;
  for (const std::string& column : capture_.key) key.push_back(pg::Ident(column) + "::text");
  From from = FromNet('D', one);
  from.returning = fmt::format("ARRAY[{}] AS row_key", fmt::join(key, ", "));
  return Settle(InsertFrom(from), one);
}

std::string ImageSql::LockInsertedFrom(const From& from) const {
  return fmt::format(
      "SELECT pg_catalog.count(*) FROM (SELECT FROM {} AS t JOIN {} AS n ON {} WHERE {} AND {} FOR UPDATE OF t) AS "
      "locked",
      capture_.table.Sql(), from.n, RowIs(), from.which, AsInserted());
}

std::string ImageSql::LockInsertedAll() const { return LockInsertedFrom(FromImages('I')); }
std::string ImageSql::LockInserted(bool one) const { return LockInsertedFrom(FromNet('I', one)); }

std::string ImageSql::TakeAwayFrom(const From& from) const {
  std::string unreferenced;
  for (const Reference& reference : references_) {
    std::vector<std::string> same;
    for (const auto& [theirs, ours] : reference.columns)
      same.push_back(fmt::format("r.{} = t.{}", pg::Ident(theirs), pg::Ident(ours)));
    unreferenced +=
        fmt::format(" AND NOT EXISTS (SELECT FROM {} AS r WHERE {})", reference.from.Sql(), fmt::join(same, " AND "));
  }
  return fmt::format("DELETE FROM {} AS t USING {} AS n WHERE {} AND {} AND {}{} RETURNING {}", capture_.table.Sql(),
                     from.n, from.which, RowIs(), AsInserted(), unreferenced, from.returning);
}

std::string ImageSql::TakeAwayAll() const { return Mark(TakeAwayFrom(FromImages('I'))); }
std::string ImageSql::TakeAway(bool one) const { return Settle(TakeAwayFrom(FromNet('I', one)), one); }

std::string ImageSql::GiveReasons() const {
  const std::string exists = fmt::format("EXISTS (SELECT FROM {} AS t WHERE {})", capture_.table.Sql(), RowIs());
  const std::string same =
      fmt::format("EXISTS (SELECT FROM {} AS t WHERE {} AND {})", capture_.table.Sql(), RowIs(), AsInserted());
  const std::string restored =
      fmt::format("EXISTS (SELECT FROM {} AS t WHERE {} AND {})", capture_.table.Sql(), RowIs(), AsBefore());
  // An inserted row that is gone is as it was before, and so may one be that a foreign key's cascade has set back.
  return fmt::format(
      "UPDATE {0} AS n SET settled = n.kind = '-' OR (n.kind = 'I' AND NOT {1}) OR (n.kind = 'U' AND {3}), "
      "reason = coalesce(n.reason, "
      "CASE n.kind WHEN 'D' THEN 'a row with this key, or with a value that must be unique, is there again' "
      "WHEN 'I' THEN CASE WHEN {2} THEN 'other rows reference it' ELSE 'it was changed since' END "
      "ELSE CASE WHEN {1} THEN 'it was changed since' ELSE 'it was deleted since' END END) WHERE NOT n.settled",
      net_, exists, same, restored);
}

std::string ImageSql::EmptyImages() const { return fmt::format("DELETE FROM {}", Images()); }

}  // namespace run
