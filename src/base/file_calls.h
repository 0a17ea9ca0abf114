#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace base {

// The system calls by which FileWriter and the journal write, in one place, so that a test can record them and cut the
// power between any two. Each does and returns what the call of its name does.
class FileCalls {
 public:
  virtual ~FileCalls() = default;
  virtual int Open(const std::filesystem::path& path, int flags, unsigned mode);
  virtual ssize_t Write(int fd, std::string_view data);
  virtual int Sync(int fd);  // of a file or a directory
  virtual int Rename(const std::filesystem::path& from, const std::filesystem::path& to);
  virtual int Truncate(const std::filesystem::path& path, std::uintmax_t size);
};

// Those in use: the system's own, unless a test put others in their place. Not to be changed while files are written.
FileCalls& Files();
// nullptr: the system's own again.
void UseFiles(FileCalls* calls);

}  // namespace base
