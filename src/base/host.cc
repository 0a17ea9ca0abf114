#include "base/host.h"

#include <unistd.h>

#include <array>
#include <filesystem>

#include "base/file.h"

namespace base {

std::string HostName() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string BootId() { return ReadFileIfExists("/proc/sys/kernel/random/boot_id").value_or(""); }

std::string PidNamespace() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();
}

}  // namespace base
