#include "base/file_calls.h"

#include <fcntl.h>
#include <unistd.h>

namespace base {
namespace {

FileCalls g_system_files;
FileCalls* g_files = &g_system_files;

}  // namespace

int FileCalls::Open(const std::filesystem::path& path, int flags, unsigned mode) {
  return ::open(path.c_str(), flags, mode);
}
ssize_t FileCalls::Write(int fd, std::string_view data) { return ::write(fd, data.data(), data.size()); }
int FileCalls::Sync(int fd) { return ::fsync(fd); }
int FileCalls::Rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  return ::rename(from.c_str(), to.c_str());
}
int FileCalls::Truncate(const std::filesystem::path& path, std::uintmax_t size) {
  return ::truncate(path.c_str(), static_cast<off_t>(size));
}

FileCalls& Files() { return *g_files; }
void UseFiles(FileCalls* calls) { g_files = calls == nullptr ? &g_system_files : calls; }

}  // namespace base
