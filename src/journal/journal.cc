#include "journal/journal.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

namespace journal {
namespace {

const std::string kNoHash(64, '0');

[[noreturn]] void Broken(const std::filesystem::path& path, const ChainCheck& check) {
  throw base::Error(base::Code::kJournalBroken, fmt::format("the journal {} is broken", path.string()))
      .At(path.string(), static_cast<int>(check.line), 1)
      .Detail(check.text);
}

}  // namespace

Journal Journal::Open(const std::filesystem::path& directory) {
  Journal journal;
  journal.path_ = directory / "journal.jsonl";
  const std::string text = base::ReadFileIfExists(journal.path_).value_or("");
  ChainCheck check = CheckChain(text);
  if (check.broken != Break::kNone) Broken(journal.path_, check);
  journal.events_ = std::move(check.events);
  journal.torn_tail_ = check.torn_tail;
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
  base::WriteFile(path, text, 0600);
  Journal journal = Open(directory);
  journal.Append("rebuilt", {{"lines", lines.size()}});
  base::Warn("{} was gone and was rebuilt from the mirror in the database: {} lines", path.string(), lines.size());
  return journal;
}

void Journal::LockFile() {
  if (lock_ != nullptr) return;
  base::MakeDirectories(path_.parent_path());
  const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    throw base::Error(base::Code::kFileWrite, fmt::format("cannot write {}", path_.string())).Detail(std::strerror(errno));
  }
  std::shared_ptr<int> lock(new int(fd), [](const int* held) {
    ::close(*held);
    delete held;
  });
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    throw base::Error(base::Code::kJournalBusy, fmt::format("another process writes {}", path_.string()));
  }
  if (std::filesystem::file_size(path_) != seen_bytes_) {
    throw base::Error(base::Code::kJournalBusy, fmt::format("another process wrote {} meanwhile", path_.string()));
  }
  if (seen_bytes_ != whole_bytes_) {
    base::Warn("the last line of {} was torn by a crash and is cut off", path_.string());
    std::filesystem::resize_file(path_, whole_bytes_);
    seen_bytes_ = whole_bytes_;
    torn_tail_ = false;
  }
  lock_ = std::move(lock);
}

const Event& Journal::Append(std::string_view kind, base::Json body) {
  LockFile();
  Event event;
  event.seq = static_cast<std::int64_t>(events_.size()) + 1;
  event.at = base::Now();
  event.kind = kind;
  event.body = std::move(body);
  event.prev = events_.empty() ? kNoHash : events_.back().hash;
  event.hash = HashOf(event);
  // What is hashed is what can be read back: microseconds, not the clock's own.
  event.at = base::ParseTime(base::FormatTime(event.at));
  const std::string line = ToLine(event) + "\n";
  try {
    auto writer = base::FileWriter::Append(path_);
    writer.Write(line);
    writer.Commit();
  } catch (const base::Error&) {
    std::error_code ignored;  // where this fails too, the half line is the torn tail of the next Open
    std::filesystem::resize_file(path_, whole_bytes_, ignored);
    throw;
  }
  whole_bytes_ += line.size();
  seen_bytes_ = whole_bytes_;
  events_.push_back(std::move(event));
  return events_.back();
}

const Event* Journal::Last(std::string_view kind) const {
  for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
    if (event->kind == kind) return &*event;
  }
  return nullptr;
}

}  // namespace journal
