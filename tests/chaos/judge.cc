#include "judge.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"

namespace chaos {
namespace {

namespace fs = std::filesystem;
using Key = std::pair<std::string, std::string>;  // table, id
constexpr std::size_t kMost = 12;

// Of each row that a way back left as the release had changed it: how often.
std::map<std::string, int> Kept(const fs::path& journal) {
  std::map<std::string, int> kept;
  std::istringstream lines(base::ReadFileIfExists(journal).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const base::Json event = base::Json::parse(line, nullptr, false);
    if (!event.is_object() || event.value("kind", "") != "kept") continue;
    for (const base::Json& row : event["body"]["rows"]) {
      if (row.contains("key") && row["key"].contains("id")) ++kept[row["key"]["id"].get<std::string>()];
    }
  }
  return kept;
}

std::map<Key, std::vector<base::Json>> ByRow(const base::Json& conflicts) {
  std::map<Key, std::vector<base::Json>> rows;
  for (const base::Json& conflict : conflicts) {
    rows[{conflict["table"][1], conflict["key"].value("id", "")}].push_back(conflict);
  }
  return rows;
}

class Judgement {
 public:
  Judgement(const World& world, Version version, pg::Connection& connection, History& history)
      : world_(world), version_(version), connection_(connection), history_(history) {}

  void Rows(Applications& applications, const base::Json& conflicts) {
    const auto named = ByRow(conflicts);
    for (const Table& table : world_.tables) {
      if (table.made && version_ == Version::kOld) continue;
      std::map<std::int64_t, Read> found;
      const pg::Result rows = connection_.Exec(
          fmt::format("SELECT id, {} FROM public.{} WHERE id < {}", ColumnsOf(table, version_), table.name, kColdFrom));
      for (int row = 0; row < rows.rows(); ++row) found[rows.Int(row, 0)] = RowOf(rows, row, 1);
      for (const auto& application : applications) Own(table, application->ledger(), named, found);
      for (const auto& [id, read] : found) Wrong(fmt::format("{} {}: nobody wrote it: {}", table.name, id, Show(read)));
      Cold(table);
    }
  }

  // How often the release's UPDATE is in each row of the stock: at most once where it stands, and once more for each
  // time that a way back named the row as left alone. A row that was inserted since has it less often.
  void Counter(bool stands, const std::map<std::string, int>& kept, const base::Json& conflicts) {
    const auto named = ByRow(conflicts);
    const pg::Result rows = connection_.Exec(fmt::format("SELECT id, n / {} FROM public.stock", kStride));
    for (int row = 0; row < rows.rows(); ++row) {
      const std::string id = rows.Text(row, 0);
      const auto left = kept.find(id);
      const int most = (stands && std::stoll(id) % 3 == 0 ? 1 : 0) + (left == kept.end() ? 0 : left->second);
      const bool cold = std::stoll(id) >= kColdFrom && stands && std::stoll(id) % 3 == 0;
      if (rows.Int(row, 1) <= most && (!cold || rows.Int(row, 1) == 1)) continue;
      if (named.contains({"stock", id})) continue;
      Wrong(
          fmt::format("stock {}: the release's UPDATE is in it {} times, ought to be {}", id, rows.Int(row, 1), most));
    }
  }

  ~Judgement() {
    if (wrong_ > kMost) history_.Fail(fmt::format("and {} more rows are wrong", wrong_ - kMost));
  }

 private:
  void Wrong(const std::string& text) {
    if (++wrong_ <= kMost) history_.Fail(text);
  }

  void Own(const Table& table, Ledger& ledger, const std::map<Key, std::vector<base::Json>>& named,
           std::map<std::int64_t, Read>& found) {
    std::vector<std::int64_t> ids;
    for (const auto& [id, states] : ledger.Rows(table.name)) ids.push_back(id);
    for (const std::int64_t id : ids) {
      const auto row = found.find(id);
      const Read read = row == found.end() ? std::nullopt : row->second;
      const std::string wrong = ledger.Observe(version_, table.name, id, read);
      if (!wrong.empty() && !named.contains({table.name, std::to_string(id)})) Wrong(wrong);
      if (row != found.end()) found.erase(row);
    }
  }

  void Cold(const Table& table) {
    if (table.made) return;
    std::string differs;
    for (const Column& column : table.columns) {
      const std::string& name = column.In(version_);
      if (name.empty()) continue;
      const std::string value = column.kind == Kind::kCounter ? fmt::format("{} % {}", name, kStride) : name;
      differs +=
          fmt::format("{}{} IS DISTINCT FROM {}", differs.empty() ? "" : " OR ", value, ColdSql(column, version_));
    }
    const pg::Result counted = connection_.Exec(fmt::format(
        "SELECT count(*), count(*) FILTER (WHERE {}) FROM public.{} WHERE id >= {}", differs, table.name, kColdFrom));
    if (counted.Int(0, 0) != world_.cold_rows || counted.Int(0, 1) != 0) {
      Wrong(fmt::format("{}: of {} rows that nobody touches {} are there, {} of them changed", table.name,
                        world_.cold_rows, counted.Int(0, 0), counted.Int(0, 1)));
    }
  }

  const World& world_;
  Version version_;
  pg::Connection& connection_;
  History& history_;
  std::size_t wrong_ = 0;
};

// Of all processes, words parted by blanks.
std::vector<std::string> CommandLines() {
  std::vector<std::string> lines;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/proc", none)) {
    std::ifstream file(entry.path() / "cmdline");
    std::string line{std::istreambuf_iterator<char>(file), {}};
    std::ranges::replace(line, '\0', ' ');
    if (!line.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

void LeftBehind(Ground& ground, History& history) {
  auto connection = ground.Connect();
  const pg::Result left = connection.Exec(R"sql(
SELECT 'slot ' || slot_name FROM pg_replication_slots
UNION ALL SELECT 'publication ' || pubname FROM pg_publication
UNION ALL SELECT format('column %s.%I', attrelid::regclass, attname) FROM pg_attribute
           WHERE attname ~ '^sbr_' AND NOT attisdropped AND attrelid::regclass::text !~ '^pg_toast'
UNION ALL SELECT format('constraint %I', conname) FROM pg_constraint WHERE conname ~ '^sbr_'
UNION ALL SELECT format('relation %s', oid::regclass) FROM pg_class WHERE relname ~ '^sbr_' AND relkind <> 't'
UNION ALL SELECT format('relation %s', oid::regclass) FROM pg_class
           WHERE relnamespace = to_regnamespace('switchback_retired')
UNION ALL SELECT format('trigger %I on %s', tgname, tgrelid::regclass) FROM pg_trigger
           WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
UNION ALL SELECT format('session of switchback, %s', state) FROM pg_stat_activity WHERE application_name ~ '^switchback')sql");
  for (int row = 0; row < left.rows(); ++row) history.Fail("left behind: " + left.Text(row, 0));
  for (const auto& entry : fs::directory_iterator(ground.temporary())) {
    history.Fail("left behind: the temporary " + entry.path().filename().string());
  }
  for (const std::string& line : CommandLines()) {
    if (line.find("pg_basebackup") != std::string::npos && line.find(ground.root().string()) != std::string::npos)
      history.Fail("left behind: " + line);
  }
}

void Evidence(Ground& ground, const std::string& release, History& history) {
  if (!fs::exists(ground.State(release) / "journal.jsonl")) return;  // nothing happened to it
  for (const Words& words : {Words{"evidence", "build", release}, Words{"evidence", "verify", release}}) {
    const Ended ended = ground.Run(words);
    if (ended.exit != 0) history.Fail("the evidence does not verify: " + ended.Text() + " " + ended.envelope.dump());
  }
}

}  // namespace

void Judge(Ground& ground, const World& world, const Script& script, const Expected& expected, Operator& by,
           Applications& applications, bool second_done, History& history) {
  const bool complete = script.end == End::kComplete;
  by.Hear();
  auto connection = by.moved_to() ? pg::Connection::Open({.conninfo = *by.moved_to()}) : ground.Connect();
  {
    Judgement judgement(world, complete ? Version::kNew : Version::kOld, connection, history);
    judgement.Rows(applications, by.conflicts());
    if (world.data) judgement.Counter(complete, Kept(ground.State(kFirst) / "journal.jsonl"), by.conflicts());
  }
  if (!by.moved_to()) {
    const std::string differs = Differ(expected.schema[complete ? 1 : 0][second_done ? 1 : 0], SchemaOf(connection));
    if (!differs.empty()) history.Fail(differs);
    LeftBehind(ground, history);
  }
  Evidence(ground, kFirst, history);
}

}  // namespace chaos
