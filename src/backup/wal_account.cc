#include "backup/wal_account.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "backup/sql_text.h"
#include "base/error.h"
#include "base/file.h"
#include "sandbox/workspace.h"

namespace backup {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kFirstUserOid = 16384;

std::uint32_t Number(std::string_view text) {
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

struct File {
  std::uint32_t database = 0;
  std::uint32_t file = 0;
};
// The first "rel SPACE/DATABASE/FILE": all pages that a change of rows touches are of one file.
std::optional<File> FileOf(std::string_view description) {
  constexpr std::string_view kRelation = "rel ";
  const std::size_t at = description.find(kRelation);
  if (at == std::string_view::npos) return std::nullopt;
  const std::size_t first = description.find('/', at);
  const std::size_t second = first == std::string_view::npos ? first : description.find('/', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return File{.database = Number(description.substr(first + 1)), .file = Number(description.substr(second + 1))};
}

// How many rows a record changes, of which kind. Row locks, pruning and hint bits change none.
WalTable ChangesOf(std::string_view description) {
  if (description.starts_with("INSERT")) return {.inserted = 1};
  if (description.starts_with("UPDATE") || description.starts_with("HOT_UPDATE")) return {.updated = 1};
  if (description.starts_with("DELETE")) return {.deleted = 1};
  if (!description.starts_with("MULTI_INSERT")) return {};
  // "5 tuples" up to PostgreSQL 15, "ntuples: 5" since.
  constexpr std::string_view kLabel = "ntuples: ";
  const std::size_t label = description.find(kLabel);
  const std::size_t number = label == std::string_view::npos ? description.find(' ') + 1 : label + kLabel.size();
  return {.inserted = Number(description.substr(number))};
}

// Calls `each` with every number of a text, whatever stands between them.
void ForEachNumber(std::string_view text, const std::function<void(std::uint32_t)>& each) {
  constexpr std::string_view kDigits = "0123456789";
  for (std::size_t at = 0; (at = text.find_first_of(kDigits, at)) != std::string_view::npos;) {
    each(Number(text.substr(at)));
    at = text.find_first_not_of(kDigits, at);
  }
}

// "76 31 20" -> "v1 "
std::string FromHexBytes(std::string_view text) {
  std::string bytes;
  constexpr int kHex = 16;
  for (std::size_t at = 0; at + 2 <= text.size(); at += 3) {
    unsigned value = 0;
    std::from_chars(text.data() + at, text.data() + at + 2, value, kHex);
    bytes += static_cast<char>(value);
  }
  return bytes;
}

// "2026-11-22 17:36:51.362168 UTC"
std::optional<base::Time> TimeOf(std::string_view text) {
  constexpr std::size_t kLength = 26;
  if (text.size() < kLength) return std::nullopt;
  std::string form(text.substr(0, kLength));
  form[10] = 'T';
  return base::ParseTime(form + "Z");
}

Relation OfList(const base::Json& json) {
  constexpr std::size_t kNamed = 5;
  Relation relation{.oid = json.at(0), .filenode = json.at(1), .table = {}, .unlogged = json.at(2)};
  if (json.size() == kNamed) relation.table = {json.at(3), json.at(4)};
  return relation;
}

Relation OfObject(const base::Json& json) {
  Relation relation{
      .oid = json.at("oid"), .filenode = json.at("filenode"), .table = {}, .unlogged = json.at("unlogged")};
  if (!json.at("table").is_null()) relation.table = {json.at("schema"), json.at("table")};
  return relation;
}

// The segments that are to be read, in a folder of their own: pg_waldump reads one. Whatever their timeline, they are
// called by that of the request, because pg_waldump knows no history.
class Gathered {
 public:
  explicit Gathered(const AccountRequest& request) : request_(request), workspace_("wal") {
    ReadTimelines();
    const std::uint64_t bytes = request.segment_bytes;
    std::uint64_t at = request.scan_from.value / bytes * bytes;
    for (; request.to.value == 0 || at < request.to.value; at += bytes) {
      cut_off_ = request.segments_most != 0 && segments_ == request.segments_most;
      end_ = {.value = at};
      if (cut_off_) return;
      const std::string segment = SegmentAt(TimelineAt(at), end_, bytes);
      if (!Bring(segment, SegmentAt(request.timeline, end_, bytes))) {
        missing_ = segment;
        return;
      }
      ++segments_;
    }
    end_ = request.to;
  }
  [[nodiscard]] const fs::path& path() const { return workspace_.path(); }
  [[nodiscard]] std::uint64_t segments() const { return segments_; }
  // Why the last timeline is not followed; empty: it is.
  [[nodiscard]] const std::string& strayed() const { return strayed_; }
  // Up to where they can be read. Behind that, pg_waldump would wait for a file to appear, for five seconds.
  [[nodiscard]] Lsn end() const { return end_; }
  // There is more than was to be read.
  [[nodiscard]] bool cut_off() const { return cut_off_; }
  // The first one that is nowhere; empty: all are there.
  [[nodiscard]] const std::string& missing() const { return missing_; }

 private:
  void ReadTimelines() {
    if (request_.last_timeline == 0 || request_.last_timeline == request_.timeline) return;
    const std::string history = HistoryFile(request_.last_timeline);
    std::vector<TimelineEnd> ends;
    if (Bring(history, history)) ends = ReadHistory(base::ReadFile(path() / history));
    const auto left = std::ranges::find(ends, request_.timeline, &TimelineEnd::timeline);
    if (left != ends.end() && left->end >= request_.from) {
      ends_ = std::move(ends);
    } else {
      strayed_ = fmt::format("the archive does not say that timeline {} comes from {}", request_.last_timeline,
                             request_.timeline);
    }
  }

  // The segment in which a timeline was left stands in the next one too, as far as that came to be from it.
  [[nodiscard]] std::uint32_t TimelineAt(std::uint64_t segment) const {
    for (const TimelineEnd& end : ends_) {
      if (segment + request_.segment_bytes <= end.end.value) return end.timeline;
    }
    return ends_.empty() ? request_.timeline : request_.last_timeline;
  }

  // From the archive first: a file of pg_wal may be one that is yet to be written, under its future name.
  bool Bring(const std::string& name, const std::string& as) {
    if (request_.archive(name, path() / as)) return true;
    std::error_code ignored;
    if (request_.source_wal.empty() || !fs::exists(request_.source_wal / name, ignored)) return false;
    fs::create_symlink(fs::absolute(request_.source_wal / name), path() / as);
    return true;
  }

  const AccountRequest& request_;
  sandbox::Workspace workspace_;
  std::vector<TimelineEnd> ends_;
  std::string strayed_;
  std::uint64_t segments_ = 0;
  Lsn end_;
  bool cut_off_ = false;
  std::string missing_;
};

base::Json OptionalTime(const std::optional<base::Time>& time) {
  return time ? base::Json(base::FormatTime(*time)) : base::Json(nullptr);
}

base::Json TablesJson(const std::map<pg::QualifiedName, WalTable>& tables) {
  base::Json json = base::Json::array();
  for (const auto& [name, table] : tables) {
    json.push_back({{"schema", name.schema},
                    {"table", name.name},
                    {"inserted", table.inserted},
                    {"updated", table.updated},
                    {"deleted", table.deleted},
                    {"truncated", table.truncated}});
  }
  return json;
}

}  // namespace

void WalTable::Add(const WalTable& other) {
  inserted += other.inserted;
  updated += other.updated;
  deleted += other.deleted;
  truncated += other.truncated;
}

std::vector<Relation> ReadRelations(pg::Connection& connection) {
  std::vector<Relation> relations;
  const pg::Result rows = connection.Query(std::string(sql_text::kReadRelations));
  for (int i = 0; i < rows.rows(); ++i) {
    Relation relation{.oid = static_cast<std::uint32_t>(rows.Int(i, 0)),
                      .filenode = static_cast<std::uint32_t>(rows.Int(i, 1)),
                      .table = std::nullopt,
                      .unlogged = rows.Bool(i, 5)};
    if (rows.Bool(i, 4)) relation.table = {rows.Text(i, 2), rows.Text(i, 3)};
    relations.push_back(std::move(relation));
  }
  return relations;
}

base::Json ToJson(const std::vector<Relation>& relations) {
  base::Json list = base::Json::array();
  for (const Relation& relation : relations) {
    list.push_back({relation.oid, relation.filenode, relation.unlogged});
    if (relation.table) list.back().insert(list.back().end(), {relation.table->schema, relation.table->name});
  }
  return list.dump();
}

std::vector<Relation> RelationsFromJson(const base::Json& json) {
  const base::Json list = json.is_string() ? base::ParseJson(json.get_ref<const std::string&>(), "relations") : json;
  std::vector<Relation> relations;
  try {
    for (const base::Json& one : list) relations.push_back(one.is_object() ? OfObject(one) : OfList(one));
  } catch (const base::Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "what the files of the log are called cannot be understood")
        .Detail(error.what());
  }
  return relations;
}

base::Json ToJson(const WalAccount& account) {
  base::Json releases = base::Json::array();
  std::int64_t of_releases = 0;
  for (const auto& [name, release] : account.releases) {
    of_releases += release.transactions;
    releases.push_back({{"release", name},
                        {"transactions", release.transactions},
                        {"tables", TablesJson(release.tables)},
                        {"unnamed", release.unnamed}});
  }
  return {{"applications", account.applications},
          {"own", account.own},
          {"others", account.others},
          {"total", account.applications + account.own + account.others + of_releases},
          {"first", OptionalTime(account.first)},
          {"last", OptionalTime(account.last)},
          {"tables", TablesJson(account.tables)},
          {"releases", releases},
          {"unnamed", account.unnamed},
          {"through_lsn", account.through.Text()},
          {"ended", account.ended}};
}

WalCounter::WalCounter(std::uint32_t database, Lsn from, TagReader whose, const std::vector<Relation>& relations)
    : database_(database), from_(from), whose_(std::move(whose)) {
  account_.through = from;
  for (const Relation& relation : relations) {
    files_.emplace(relation.filenode, relation.table);
    tables_.emplace(relation.oid, relation.table);
  }
}

void WalCounter::Add(const WalRecord& record) {
  account_.through = std::max(account_.through, record.lsn);
  if (record.manager == "Transaction") return End(record);
  if (record.xid == 0) return;
  if (record.manager == "LogicalMessage") return Message(record);
  if (record.manager != "Heap" && record.manager != "Heap2") return;
  if (record.description.starts_with("TRUNCATE")) return Truncate(record);
  Row(record);
}

void WalCounter::Row(const WalRecord& record) {
  const WalTable changes = ChangesOf(record.description);
  if (changes.inserted + changes.updated + changes.deleted == 0) return;
  const std::optional<File> file = FileOf(record.description);
  if (!file) {
    ++account_.unread;
    return;
  }
  if (file->database != database_ || file->file < kFirstUserOid) return;
  const auto known = files_.find(file->file);
  if (known != files_.end() && !known->second) return;
  Seen& seen = open_[record.xid];
  seen.rows = true;
  seen.files[file->file].Add(changes);
}

// The record names OIDs, behind "relids", and no database; only the user's tables are truncated through one.
void WalCounter::Truncate(const WalRecord& record) {
  Seen& seen = open_[record.xid];
  seen.rows = true;
  const std::size_t oids = record.description.rfind("relids");
  if (oids == std::string_view::npos) return;
  ForEachNumber(record.description.substr(oids), [&](std::uint32_t oid) { ++seen.tables[oid].truncated; });
}

void WalCounter::Message(const WalRecord& record) {
  constexpr std::string_view kOurs = "MESSAGE transactional, prefix \"switchback\"; payload (";
  constexpr std::string_view kBytes = "bytes): ";
  const std::size_t bytes = record.description.find(kBytes);
  if (!record.description.starts_with(kOurs) || bytes == std::string_view::npos) return;
  if (auto release = whose_(FromHexBytes(record.description.substr(bytes + kBytes.size())))) {
    open_[record.xid].release = std::move(release);
  }
}

// "COMMIT <time>; subxacts: 741 742; ...", "ABORT <time>; ...", or with "_PREPARED <xid>: " after the verb, where the
// record's own xid is another.
void WalCounter::End(const WalRecord& record) {
  std::string_view rest = record.description;
  const bool commit = rest.starts_with("COMMIT");
  if (!commit && !rest.starts_with("ABORT")) return;
  std::uint32_t top = record.xid;
  const std::size_t blank = rest.find(' ');
  const bool prepared = rest.substr(0, blank).ends_with("_PREPARED");
  rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
  if (prepared) {
    top = Number(rest);
    const std::size_t colon = rest.find(": ");
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 2);
  }
  Seen seen = open_[top];
  open_.erase(top);
  constexpr std::string_view kChildren = "; subxacts:";
  if (const std::size_t at = rest.find(kChildren); at != std::string_view::npos) {
    std::string_view children = rest.substr(at + kChildren.size());
    children = children.substr(0, children.find(';'));
    ForEachNumber(children, [&](std::uint32_t child) {
      const auto found = open_.find(child);
      if (found == open_.end()) return;
      seen.rows = seen.rows || found->second.rows;  // a tag does not count below the top
      for (const auto& [file, changes] : found->second.files) seen.files[file].Add(changes);
      for (const auto& [oid, changes] : found->second.tables) seen.tables[oid].Add(changes);
      open_.erase(found);
    });
  }
  if (!commit || top == 0 || record.lsn < from_) return;
  if (seen.release == "") {
    ++account_.own;
  } else if (seen.release) {
    WalRelease& release = account_.releases[*seen.release];
    ++release.transactions;
    Tell(seen.files, files_, release.tables, release.unnamed);
    Tell(seen.tables, tables_, release.tables, release.unnamed);
  } else if (!seen.rows) {
    ++account_.others;
  } else {
    ++account_.applications;
    const std::optional<base::Time> at = TimeOf(rest);
    if (!at) ++account_.unread;
    if (!account_.first) account_.first = at;
    account_.last = at;
    Tell(seen.files, files_, account_.tables, account_.unnamed);
    Tell(seen.tables, tables_, account_.tables, account_.unnamed);
  }
}

void WalCounter::Tell(const std::map<std::uint32_t, WalTable>& written, const Names& names,
                      std::map<pg::QualifiedName, WalTable>& tables, std::int64_t& unnamed) {
  for (const auto& [number, changes] : written) {
    const auto name = names.find(number);
    if (name != names.end() && name->second) {
      tables[*name->second].Add(changes);
    } else {
      unnamed += changes.inserted + changes.updated + changes.deleted + changes.truncated;
    }
  }
}

std::optional<WalAccount> AccountFor(const AccountRequest& request) {
  const Gathered gathered(request);
  if (gathered.segments() == 0) return std::nullopt;
  WalCounter counter(request.database, request.from, request.whose, request.relations);
  const std::string complaint = ReadWal(request.binaries,
                                        {.directory = gathered.path(),
                                         .timeline = request.timeline,
                                         .start = request.scan_from,
                                         .end = gathered.end(),
                                         .records_max = 0},
                                        {"Transaction", "Heap", "Heap2", "LogicalMessage"},
                                        [&](const WalRecord& record) { counter.Add(record); });
  WalAccount account = counter.account();
  account.bounded = gathered.cut_off();
  account.ended = gathered.strayed().empty() ? complaint : gathered.strayed();
  if (account.ended.empty() && !gathered.missing().empty()) {
    account.ended = fmt::format("segment {} is not there", gathered.missing());
  }
  return account;
}

}  // namespace backup
