#include "journal/journal.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
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
         kind == "rebuilt" || kind == "timeline" || kind == "rewound";
}

class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path) {
    base::MakeDirectories(path.parent_path());
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0 || ::flock(fd_, LOCK_EX) != 0) {
      throw base::Error(base::Code::kFileWrite, fmt::format("cannot write {}", path.string()))
          .Detail(std::strerror(errno));
    }
  }
  ~FileLock() { ::close(fd_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
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
  return journal;
}

Journal Journal::Rebuild(const std::filesystem::path& directory, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  const auto path = directory / "journal.jsonl";
  const ChainCheck check = CheckChain(text, static_cast<std::int64_t>(lines.size()));
  if (check.broken != Break::kNone) Broken("mirror of " + path.string(), check);
  base::MakeDirectories(directory);
  base::Failpoint(base::FailpointId::kJournalBeforeRebuild);
  base::WriteFile(path, text, 0600);
  Journal journal = Open(directory);
  journal.Append("rebuilt", {{"lines", lines.size()}});
  base::Warn("{} was gone and was rebuilt from the mirror in the database: {} lines", path.string(), lines.size());
  return journal;
}

void Journal::ReadOn() {
  Journal now = Open(path_.parent_path());
  const auto known = events_.size();
  bool ours = now.events_.size() >= known && (known == 0 || now.events_[known - 1].hash == events_.back().hash);
  for (std::size_t i = known; ours && i < now.events_.size(); ++i) ours = !IsRunners(now.events_[i].kind);
  if (!ours)
    throw base::Error(base::Code::kJournalBusy, fmt::format("another process wrote {} meanwhile", path_.string()));
  *this = std::move(now);
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

Event Journal::Next(std::string_view kind, base::Json body) const {
  Event event;
  event.seq = static_cast<std::int64_t>(events_.size()) + 1;
  // What is hashed is what can be read back: microseconds, not the clock's own.
  event.at = base::ParseTime(base::FormatTime(base::Now()));
  event.kind = kind;
  event.body = std::move(body);
  event.prev = events_.empty() ? kNoHash : events_.back().hash;
  event.hash = HashOf(event);
  return event;
}

void Journal::Find(std::string_view kind, base::Json body) {
  events_.push_back(Next(kind, std::move(body)));
  found_ = true;
}

std::int64_t Journal::Written() const { return static_cast<std::int64_t>(events_.size()) - (found_ ? 1 : 0); }

const Event& Journal::Append(std::string_view kind, base::Json body) {
  const FileLock lock(path_);
  std::optional<Event> found;
  if (found_) {
    found = std::move(events_.back());
    events_.pop_back();
    found_ = false;
  }
  if (std::filesystem::file_size(path_) != seen_bytes_) ReadOn();
  CutTornTail();
  if (found) Write(Next(found->kind, std::move(found->body)));
  Write(Next(kind, std::move(body)));
  return events_.back();
}

void Journal::Write(Event event) {
  const std::string line = ToLine(event) + "\n";
  try {
    auto writer = base::FileWriter::Append(path_);
    base::Failpoint(base::FailpointId::kJournalBeforeWrite);
    writer.Write(line);
    base::Failpoint(base::FailpointId::kJournalBeforeSync);
    writer.Commit();
  } catch (const base::Error&) {
    // Where this fails too, the half line is the torn tail of the next Open.
    [[maybe_unused]] const int ignored = base::Files().Truncate(path_, whole_bytes_);
    throw;
  }
  whole_bytes_ += line.size();
  seen_bytes_ = whole_bytes_;
  events_.push_back(std::move(event));
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
