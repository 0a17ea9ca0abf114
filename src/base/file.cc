#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/file_calls.h"

namespace base {

// A descriptor that is closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool Valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

namespace {

namespace fs = std::filesystem;

[[noreturn]] void FailWrite(const fs::path& path, int error) {
  throw Error(Code::kFileWrite, "cannot write " + path.string()).Detail(std::strerror(error));
}
[[noreturn]] void FailRead(const fs::path& path, int error) {
  throw Error(Code::kFileRead, "cannot read " + path.string()).Detail(std::strerror(error));
}

fs::path ParentOf(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

void SyncDirectory(const fs::path& directory) {
  const Descriptor fd(Files().Open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  // EINVAL: a file system that cannot sync directories.
  if (!fd.Valid() || (Files().Sync(fd.get()) != 0 && errno != EINVAL)) FailWrite(directory, errno);
}

}  // namespace

std::optional<std::string> ReadFileIfExists(const fs::path& path) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.Valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    FailRead(path, errno);
  }
  std::string content;
  std::array<char, 1 << 16> buffer;
  while (true) {
    const ssize_t size = read(fd.get(), buffer.data(), buffer.size());
    if (size == 0) return content;
    if (size > 0) {
      content.append(buffer.data(), static_cast<std::size_t>(size));
    } else if (errno != EINTR) {
      FailRead(path, errno);
    }
  }
}

std::string ReadFile(const fs::path& path) {
  std::optional<std::string> content = ReadFileIfExists(path);
  if (!content) FailRead(path, ENOENT);
  return *std::move(content);
}

struct FileWriter::State {
  State(fs::path path_to, fs::path written_path, int flags, unsigned mode)
      : path(std::move(path_to)), written(std::move(written_path)), fd(Files().Open(written, flags | O_CLOEXEC, mode)) {
    if (!fd.Valid()) FailWrite(path, errno);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (replace && !done) unlink(written.c_str());
  }

  // After a failure nothing more is written: the kernel may have dropped what it could not write and report success for
  // the next sync, and a torn line must stay the last one.
  [[noreturn]] void Fail(int error) {
    failure = error;
    FailWrite(path, error);
  }

  fs::path path;     // what the caller asked for
  fs::path written;  // what is open: `path` itself or its temporary
  Descriptor fd;
  bool replace = false;
  bool directory_synced = false;
  bool done = false;
  int failure = 0;
};

FileWriter::FileWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileWriter::FileWriter(FileWriter&&) noexcept = default;
FileWriter& FileWriter::operator=(FileWriter&&) noexcept = default;
FileWriter::~FileWriter() = default;

FileWriter FileWriter::Replace(const fs::path& path, unsigned mode) {
  const fs::path temporary = path.string() + ".tmp-" + RandomHex(6);
  auto state = std::make_unique<State>(path, temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
  state->replace = true;
  return FileWriter(std::move(state));
}

FileWriter FileWriter::Append(const fs::path& path, unsigned mode) {
  return FileWriter(std::make_unique<State>(path, path, O_WRONLY | O_CREAT | O_APPEND, mode));
}

void FileWriter::Write(std::string_view data) {
  if (state_->failure != 0) FailWrite(state_->path, state_->failure);
  if (state_->done) throw Error(Code::kInternal, "write after commit of " + state_->path.string());
  while (!data.empty()) {
    const ssize_t size = Files().Write(state_->fd.get(), data);
    if (size >= 0) {
      data.remove_prefix(static_cast<std::size_t>(size));
    } else if (errno != EINTR) {
      state_->Fail(errno);
    }
  }
}

void FileWriter::Commit() {
  State& state = *state_;
  if (state.failure != 0) FailWrite(state.path, state.failure);
  if (state.done) throw Error(Code::kInternal, "second commit of " + state.path.string());
  if (Files().Sync(state.fd.get()) != 0) state.Fail(errno);
  if (state.replace) {
    Failpoint(FailpointId::kFileBeforeRename);
    if (Files().Rename(state.written, state.path) != 0) state.Fail(errno);
    state.done = true;
  }
  if (!state.directory_synced) {
    SyncDirectory(ParentOf(state.path));
    state.directory_synced = true;
  }
}

void WriteFile(const fs::path& path, std::string_view content, unsigned mode) {
  FileWriter writer = FileWriter::Replace(path, mode);
  writer.Write(content);
  writer.Commit();
}

void MakeDirectories(const fs::path& path, unsigned mode) {
  if (path.empty() || fs::is_directory(path)) return;
  const fs::path parent = ParentOf(path);
  if (parent != path) MakeDirectories(parent, mode);
  if (mkdir(path.c_str(), mode) == 0) {
    SyncDirectory(parent);
  } else if (errno != EEXIST || !fs::is_directory(path)) {
    FailWrite(path, errno);
  }
}

bool CanSyncFileSystems() {
  constexpr int kMajor = 5;
  constexpr int kMinor = 8;
  utsname kernel{};
  int major = 0;
  int minor = 0;
  if (uname(&kernel) != 0 || std::sscanf(kernel.release, "%d.%d", &major, &minor) != 2) return false;
  return major > kMajor || (major == kMajor && minor >= kMinor);
}

void SyncFileSystemOf(const fs::path& directory) {
  const Descriptor descriptor(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.Valid() || syncfs(descriptor.get()) != 0) FailWrite(directory, errno);
}

}  // namespace base
