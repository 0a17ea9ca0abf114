#include "stream/spool.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/file_calls.h"
#include "base/json.h"
#include "stream/bytes.h"

namespace stream {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBuffer = 1 << 20;
constexpr int kVersion = 2;

[[noreturn]] void Broken(const fs::path& path, const std::string& detail) {
  throw base::Error(base::Code::kSpoolBroken, fmt::format("{} is not what was written", path.string())).Detail(detail);
}

base::Json ToJson(const Place& place) {
  return {{"version", kVersion},
          {"through", place.through.Text()},
          {"last_commit", place.last_commit.Text()},
          {"messages", place.messages},
          {"index", place.index},
          {"transactions", place.transactions},
          {"nobodys", place.nobodys}};
}

// Bytes behind `size` are cut off.
void CutTo(const fs::path& path, std::uint64_t size) {
  std::error_code absent;
  const std::uintmax_t found = fs::file_size(path, absent);
  if (absent ? size > 0 : found < size) {
    Broken(path, fmt::format("it has {} bytes, and {} were safe", absent ? 0 : found, size));
  }
  if (absent || found == size) return;
  if (base::Files().Truncate(path, size) != 0) {
    throw base::Error(base::Code::kFileWrite, "cannot write " + path.string()).Detail(std::strerror(errno));
  }
}

}  // namespace

// Appends through a buffer.
class Appender {
 public:
  Appender(const fs::path& path, std::uint64_t size) : writer_(base::FileWriter::Append(path)), size_(size) {}
  void Add(std::string_view text) {
    Put(buffer_, static_cast<std::uint32_t>(text.size()));
    buffer_ += text;
    size_ += sizeof(std::uint32_t) + text.size();
    if (buffer_.size() >= kBuffer) Flush();
  }
  void Sync() {
    Flush();
    writer_.Commit();
  }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  void Flush() {
    writer_.Write(buffer_);
    buffer_.clear();
  }
  base::FileWriter writer_;
  std::string buffer_;
  std::uint64_t size_;
};

class Lock {
 public:
  explicit Lock(const fs::path& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ < 0) {
      throw base::Error(base::Code::kFileWrite, "cannot write " + path.string()).Detail(std::strerror(errno));
    }
    taken_ = ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
    if (taken_) Sign();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { ::close(fd_); }
  [[nodiscard]] bool taken() const { return taken_; }
  // The process that has it, as it says itself; empty: it has not yet.
  [[nodiscard]] std::string Holder() const {
    std::array<char, 32> text{};
    const ssize_t size = ::pread(fd_, text.data(), text.size(), 0);
    return size <= 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
  }

 private:
  // For people alone: where it cannot be written, nobody is named.
  void Sign() const {
    const std::string name = fmt::format("process {}", ::getpid());
    if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, name.data(), name.size(), 0) < 0) return;
  }

  int fd_;
  bool taken_ = false;
};

fs::path SpoolDirectory(const fs::path& state, const std::string& slot) { return state / "stream" / slot; }

std::optional<Place> ReadPlace(const fs::path& directory) {
  const fs::path path = directory / "place.json";
  const std::optional<std::string> text = base::ReadFileIfExists(path);
  if (!text) return std::nullopt;
  try {
    const base::Json json = base::ParseJson(*text, path.string());
    if (json.at("version") != kVersion) Broken(path, "it is of another version");
    return Place{.through = pg::Lsn::Parse(json.at("through").get<std::string>()),
                 .last_commit = pg::Lsn::Parse(json.at("last_commit").get<std::string>()),
                 .messages = json.at("messages"),
                 .index = json.at("index"),
                 .transactions = json.at("transactions"),
                 .nobodys = json.at("nobodys")};
  } catch (const base::Json::exception& error) {
    Broken(path, error.what());
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kBadJson) throw;
    Broken(path, error.message());
  }
}

struct Spool::State {
  fs::path directory;
  std::unique_ptr<Lock> lock;
  Place safe;
  Place now;  // sizes are those of the appenders
  std::optional<Appender> messages;
  std::optional<Appender> index;
};

Spool::Spool(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spool::Spool(Spool&&) noexcept = default;
Spool::~Spool() = default;

Spool Spool::Open(const fs::path& state, const std::string& slot) {
  const fs::path directory = SpoolDirectory(state, slot);
  base::MakeDirectories(directory);
  auto lock = std::make_unique<Lock>(directory.parent_path() / "lock");
  if (!lock->taken()) {
    const std::string holder = lock->Holder();
    throw base::Error(base::Code::kSpoolBusy, fmt::format("another process reads the stream of this release{}{}",
                                                          holder.empty() ? "" : ": ", holder));
  }
  for (const auto& entry : fs::directory_iterator(directory.parent_path())) {
    if (entry.is_directory() && entry.path() != directory) fs::remove_all(entry.path());
  }
  auto opened = std::make_unique<State>();
  opened->directory = directory;
  opened->lock = std::move(lock);
  opened->safe = ReadPlace(directory).value_or(Place{});
  opened->now = opened->safe;
  CutTo(directory / "messages", opened->safe.messages);
  CutTo(directory / "index", opened->safe.index);
  opened->messages.emplace(directory / "messages", opened->safe.messages);
  opened->index.emplace(directory / "index", opened->safe.index);
  return Spool(std::move(opened));
}

const Place& Spool::place() const { return state_->safe; }
std::uint64_t Spool::End() const { return state_->messages->size(); }
std::uint64_t Spool::Unsafe() const {
  return state_->messages->size() + state_->index->size() - state_->safe.messages - state_->safe.index;
}

void Spool::Add(std::string_view message) { state_->messages->Add(message); }

void Spool::Close(const Entry& entry) {
  Place& now = state_->now;
  now.last_commit = entry.commit;
  if (entry.changes == 0 && entry.marks == 0) {
    ++now.nobodys;
    return;
  }
  state_->index->Add(Encode(entry));
  ++now.transactions;
}

void Spool::MakeSafe(pg::Lsn through) {
  State& state = *state_;
  state.now.through = through;
  state.messages->Sync();
  state.index->Sync();
  state.now.messages = state.messages->size();
  state.now.index = state.index->size();
  base::WriteFile(state.directory / "place.json", ToJson(state.now).dump() + "\n", 0600);
  state.safe = state.now;
}

void RemoveSpools(const fs::path& state) {
  std::error_code error;
  fs::remove_all(state / "stream", error);
  if (error) throw base::Error(base::Code::kFileWrite, "cannot remove " + (state / "stream").string());
}

}  // namespace stream
