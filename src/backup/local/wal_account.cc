#include "backup/local/wal_account.h"

#include <fmt/core.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

namespace backup::local {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kFirstUserOid = 16384;

std::uint32_t Number(std::string_view text) {
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Calls `each` with the database and the relation of every "rel SPACE/DATABASE/RELATION".
void ForEachRelation(std::string_view description, const std::function<void(std::uint32_t, std::uint32_t)>& each) {
  constexpr std::string_view kRelation = "rel ";
  for (std::size_t at = 0; (at = description.find(kRelation, at)) != std::string_view::npos;) {
    at += kRelation.size();
    const std::size_t first = description.find('/', at);
    const std::size_t second = first == std::string_view::npos ? first : description.find('/', first + 1);
    if (second == std::string_view::npos) return;
    each(Number(description.substr(first + 1)), Number(description.substr(second + 1)));
  }
}

// Row locks, pruning and hint bits change no row.
bool ChangesRows(const WalRecord& record) {
  for (const std::string_view kind : {"INSERT", "DELETE", "UPDATE", "HOT_UPDATE", "MULTI_INSERT", "TRUNCATE"}) {
    if (record.description.starts_with(kind)) return true;
  }
  return false;
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

// A folder of links to the segments of several directories: pg_waldump reads one. Earlier directories win.
class Together {
 public:
  explicit Together(const std::vector<fs::path>& directories)
      : path_(fs::temp_directory_path() / ("switchback-wal-" + base::RandomHex(6))) {
    base::MakeDirectories(path_);
    for (const fs::path& directory : directories) {
      for (const auto& entry : fs::directory_iterator(directory)) {
        const std::string name = entry.path().filename().string();
        std::error_code exists;
        if (IsSegmentName(name)) fs::create_symlink(fs::absolute(entry.path()), path_ / name, exists);
      }
    }
  }
  Together(const Together&) = delete;
  Together& operator=(const Together&) = delete;
  ~Together() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

base::Json OptionalTime(const std::optional<base::Time>& time) {
  return time ? base::Json(base::FormatTime(*time)) : base::Json(nullptr);
}

}  // namespace

base::Json ToJson(const WalAccount& account) {
  return {{"applications", account.applications},
          {"own", account.own},
          {"others", account.others},
          {"total", account.applications + account.own + account.others},
          {"first", OptionalTime(account.first)},
          {"last", OptionalTime(account.last)},
          {"through_lsn", account.through.Text()},
          {"ended", account.ended}};
}

WalCounter::WalCounter(std::uint32_t database, Lsn from, std::function<bool(const std::string&)> is_ours)
    : database_(database), from_(from), is_ours_(std::move(is_ours)) {}

void WalCounter::Add(const WalRecord& record) {
  account_.through = record.lsn;
  if (record.manager == "Transaction") return End(record);
  if (record.xid == 0) return;
  if (record.manager == "LogicalMessage") return Message(record);
  if ((record.manager == "Heap" || record.manager == "Heap2") && ChangesRows(record)) Row(record);
}

void WalCounter::Row(const WalRecord& record) {
  // A TRUNCATE record names OIDs and no database; only the user's tables are truncated through one.
  bool rows = record.description.starts_with("TRUNCATE");
  ForEachRelation(record.description, [&](std::uint32_t database, std::uint32_t relation) {
    rows = rows || (database == database_ && relation >= kFirstUserOid);
  });
  if (rows) open_[record.xid].rows = true;
}

void WalCounter::Message(const WalRecord& record) {
  constexpr std::string_view kOurs = "MESSAGE transactional, prefix \"switchback\"; payload (";
  constexpr std::string_view kBytes = "bytes): ";
  const std::size_t bytes = record.description.find(kBytes);
  if (!record.description.starts_with(kOurs) || bytes == std::string_view::npos) return;
  if (is_ours_(FromHexBytes(record.description.substr(bytes + kBytes.size())))) open_[record.xid].tagged = true;
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
    for (std::size_t next = 0; (next = children.find_first_of("0123456789", next)) != std::string_view::npos;) {
      const std::uint32_t child = Number(children.substr(next));
      if (const auto found = open_.find(child); found != open_.end()) {
        seen.rows = seen.rows || found->second.rows;  // a tag does not count below the top
        open_.erase(found);
      }
      next = children.find(' ', next);
      if (next == std::string_view::npos) break;
    }
  }
  if (!commit || top == 0 || record.lsn < from_) return;
  if (seen.tagged) {
    ++account_.own;
  } else if (!seen.rows) {
    ++account_.others;
  } else {
    ++account_.applications;
    const std::optional<base::Time> at = TimeOf(rest);
    if (!account_.first) account_.first = at;
    account_.last = at;
  }
}

WalAccount AccountFor(const AccountRequest& request) {
  const Together together(request.directories);
  WalCounter counter(request.database, request.from, request.is_ours);
  const std::string complaint = ReadWal(request.binaries,
                                        {.directory = together.path(),
                                         .timeline = request.timeline,
                                         .start = request.scan_from,
                                         .end = request.to,
                                         .records_max = 0},
                                        {"Transaction", "Heap", "Heap2", "LogicalMessage"},
                                        [&](const WalRecord& record) { counter.Add(record); });
  WalAccount account = counter.account();
  account.ended = complaint;
  return account;
}

}  // namespace backup::local
