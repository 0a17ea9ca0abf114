#include "journal/journal.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/file_calls.h"
#include "base/log.h"

namespace journal {
namespace {

[[noreturn]] void Broken(const std::filesystem::path& path, const ChainCheck& check) {
  throw base::Error(base::Code::kJournalBroken, fmt::format("the journal {} is broken", path.string()))
      .At(path.string(), static_cast<int>(check.line), 1)
      .Detail(check.text);
}

bool IsRunners(const std::string& kind) {
  return kind == "opened" || kind == "lease" || kind == "intent" || kind == "outcome" || kind == "failed" ||
         kind == "parted" || kind == "timeline" || kind == "rewound";
}

// Whether a line says the same behind other lines than those that it was written behind. Nothing: there is no such
// kind.
std::optional<bool> Carried(std::string_view kind) {
#define SB_EVENT(name, place, text) \
  if (kind == #name) return std::string_view(#place) == "carried";
#include "journal/events.def"
#undef SB_EVENT
  return std::nullopt;
}

bool IsCarried(const Event& event) { return Carried(event.kind).value_or(false); }

const Event* LastOpened(const std::vector<Event>& events) {
  const auto last = std::find_if(events.rbegin(), events.rend(), [](const Event& e) { return e.kind == "opened"; });
  return last == events.rend() ? nullptr : &*last;
}

bool OfAnotherDatabase(const std::vector<Event>& file, const std::vector<Event>& mirror) {
  const Event* one = LastOpened(file);
  const Event* other = LastOpened(mirror);
  return one != nullptr && other != nullptr &&
         (one->body.value("system_identifier", "") != other->body.value("system_identifier", "") ||
          one->body.value("database", "") != other->body.value("database", ""));
}

// On the file that has the path when it is taken: one that was written anew is another file.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path) {
    base::MakeDirectories(path.parent_path());
    do {
      if (fd_ >= 0) ::close(fd_);
      fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (fd_ < 0 || ::flock(fd_, LOCK_EX) != 0) {
        throw base::Error(base::Code::kFileWrite, fmt::format("cannot write {}", path.string()))
            .Detail(std::strerror(errno));
      }
    } while (!Has(path));
  }
  ~FileLock() { ::close(fd_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  [[nodiscard]] bool Has(const std::filesystem::path& path) const {
    struct stat mine {};
    struct stat there {};
    return ::fstat(fd_, &mine) == 0 && ::stat(path.c_str(), &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
  }

  int fd_ = -1;
};

}  // namespace

Journal Journal::Open(const std::filesystem::path& directory) {
  Journal journal;
  journal.path_ = directory / "journal.jsonl";
  const std::string text = base::ReadFileIfExists(journal.path_).value_or("");
  ChainCheck check = CheckChain(text);
  if (check.broken != Break::kNone) Broken(journal.path_, check);
  journal.events_ = std::move(check.events);
  journal.torn_tail_ = check.torn_tail;
  if (check.torn_tail) {
    base::Warn("the last line of {} was torn by a crash; what stands before it counts", journal.path_.string());
  }
  journal.seen_bytes_ = text.size();
  for (const Event& event : journal.events_) journal.whole_bytes_ += ToLine(event).size() + 1;
  journal.in_file_ = journal.known_ = journal.events_.size();
  return journal;
}

void Journal::Follow(const std::vector<std::string>& mirrored) {
  std::size_t same = 0;
  while (same < std::min(known_, mirrored.size()) && ToLine(events_[same]) == mirrored[same]) ++same;
  if (same == mirrored.size()) return;
  std::string text;
  for (const std::string& line : mirrored) text += line + "\n";
  ChainCheck check = CheckChain(text, static_cast<std::int64_t>(mirrored.size()));
  if (check.broken != Break::kNone) Broken("mirror of " + path_.string(), check);
  if (OfAnotherDatabase(events_, check.events)) {
    throw base::Error(base::Code::kJournalForked,
                      fmt::format("{} is of another database than the one that has a mirror of it", path_.string()));
  }
  std::vector<Event> tail(events_.begin() + static_cast<std::ptrdiff_t>(same),
                          events_.begin() + static_cast<std::ptrdiff_t>(known_));
  std::vector<Event> found(events_.begin() + static_cast<std::ptrdiff_t>(known_), events_.end());
  events_ = std::move(check.events);
  if (same < in_file_) {
    anew_ = true;
    in_file_ = 0;
  }
  known_ = events_.size();
  Part(tail, static_cast<std::int64_t>(same) + 1);
  for (Event& event : found) {
    if (event.kind != "rewound") Push(event.at, event.kind, std::move(event.body));
  }
}

void Journal::Part(const std::vector<Event>& tail, std::int64_t at) {
  base::Json lines = base::Json::array();
  for (const Event& event : tail) {
    if (!IsCarried(event)) lines.push_back(ToLine(event));
  }
  if (!lines.empty()) {
    base::Warn(
        "{} lines of {} never reached the database, which went on without them: they are kept, and count for nothing",
        lines.size(), path_.string());
    Find("parted", {{"at", at}, {"texts", std::move(lines)}});
  }
  for (const Event& event : tail) {
    if (IsCarried(event)) Push(event.at, event.kind, event.body);
  }
}

void Journal::ReadOn() {
  std::vector<Event> found(events_.begin() + static_cast<std::ptrdiff_t>(known_), events_.end());
  Journal now = Open(path_.parent_path());
  bool ours = !anew_ && in_file_ == known_ && now.events_.size() >= known_ &&
              (known_ == 0 || now.events_[known_ - 1].hash == events_[known_ - 1].hash);
  for (std::size_t i = known_; ours && i < now.events_.size(); ++i) ours = !IsRunners(now.events_[i].kind);
  if (!ours)
    throw base::Error(base::Code::kJournalBusy, fmt::format("another process wrote {} meanwhile", path_.string()));
  *this = std::move(now);
  for (Event& event : found) Push(event.at, event.kind, std::move(event.body));
}

void Journal::CutTornTail() {
  if (seen_bytes_ == whole_bytes_) return;
  base::Failpoint(base::FailpointId::kJournalBeforeCut);
  if (base::Files().Truncate(path_, whole_bytes_) != 0) {
    throw base::Error(base::Code::kFileWrite, fmt::format("cannot write {}", path_.string()))
        .Detail(std::strerror(errno));
  }
  seen_bytes_ = whole_bytes_;
  torn_tail_ = false;
}

void Journal::Push(base::Time at, std::string_view kind, base::Json body) {
  Event event;
  event.seq = static_cast<std::int64_t>(events_.size()) + 1;
  // What is hashed is what can be read back: microseconds, not the clock's own.
  event.at = base::ParseTime(base::FormatTime(at));
  event.kind = kind;
  event.body = std::move(body);
  event.prev = events_.empty() ? kNoHash : events_.back().hash;
  event.hash = HashOf(event);
  events_.push_back(std::move(event));
}

void Journal::Find(std::string_view kind, base::Json body) { Push(base::Now(), kind, std::move(body)); }

const Event& Journal::Append(std::string_view kind, base::Json body) {
  if (!Carried(kind)) throw std::logic_error(fmt::format("events.def has no kind {}", kind));
  const FileLock lock(path_);
  SettleLocked();
  Push(base::Now(), kind, std::move(body));
  try {
    WriteFrom(in_file_);
  } catch (const base::Error&) {
    events_.pop_back();
    throw;
  }
  return events_.back();
}

void Journal::Settle() {
  const FileLock lock(path_);
  SettleLocked();
}

// What was found stands behind what others wrote meanwhile.
void Journal::SettleLocked() {
  if (std::filesystem::file_size(path_) != seen_bytes_) ReadOn();
  if (!anew_) CutTornTail();
  if (in_file_ == events_.size()) return;
  base::Failpoint(base::FailpointId::kJournalBeforeCatchUp);
  WriteFrom(in_file_);
}

void Journal::WriteFrom(std::size_t index) {
  std::string lines;
  for (std::size_t i = index; i < events_.size(); ++i) lines += ToLine(events_[i]) + "\n";
  if (anew_) {
    base::WriteFile(path_, lines, 0600);
    anew_ = false;
    whole_bytes_ = 0;
  } else {
    try {
      auto writer = base::FileWriter::Append(path_);
      base::Failpoint(base::FailpointId::kJournalBeforeWrite);
      writer.Write(lines);
      base::Failpoint(base::FailpointId::kJournalBeforeSync);
      writer.Commit();
    } catch (const base::Error&) {
      // Where this fails too, the half line is the torn tail of the next Open.
      [[maybe_unused]] const int ignored = base::Files().Truncate(path_, whole_bytes_);
      throw;
    }
  }
  whole_bytes_ += lines.size();
  seen_bytes_ = whole_bytes_;
  in_file_ = known_ = events_.size();
  base::Failpoint(base::FailpointId::kJournalAfterSync);
}

const Event* Journal::Last(std::string_view kind) const {
  const std::vector<bool> counts = Counts(events_);
  for (std::size_t i = events_.size(); i-- > 0;) {
    if (events_[i].kind == kind && counts[i]) return &events_[i];
  }
  return nullptr;
}

}  // namespace journal
