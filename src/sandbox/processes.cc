#include "sandbox/processes.h"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/host.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

std::string LinkTarget(const fs::path& link) {
  std::error_code ignored;
  return fs::read_symlink(link, ignored).string();
}

fs::path ProcOf(int pid) { return fs::path("/proc") / std::to_string(pid); }

// Field 22 of /proc/PID/stat; the program's name before it may hold blanks and parentheses. A zombie counts as ended.
std::optional<std::string> StartTime(int pid) {
  const auto stat = base::ReadFileIfExists(ProcOf(pid) / "stat");
  if (!stat) return std::nullopt;
  std::size_t position = stat->rfind(')');
  if (position == std::string::npos || stat->compare(position, 4, ") Z ") == 0) return std::nullopt;
  for (int field = 2; field < 22 && position != std::string::npos; ++field) position = stat->find(' ', position + 1);
  if (position == std::string::npos) return std::nullopt;
  return stat->substr(position + 1, stat->find(' ', position + 1) - position - 1);
}

bool Inside(const std::string& path, const fs::path& directory) {
  return (path + "/").starts_with(directory.string() + "/");
}

bool IsServerIn(const fs::path& process, const fs::path& directory) {
  if (!Inside(LinkTarget(process / "cwd"), directory)) return false;
  const std::string program = fs::path(LinkTarget(process / "exe")).filename().string();
  return program == "postgres" || program == "postgres (deleted)";
}

bool WorksIn(const fs::path& process, const fs::path& directory) {
  if (process.filename() == std::to_string(::getpid())) return false;
  if (Inside(LinkTarget(process / "cwd"), directory)) return true;
  std::error_code gone;
  for (fs::directory_iterator file(process / "fd", gone), end; !gone && file != end; file.increment(gone)) {
    if (Inside(LinkTarget(file->path()), directory)) return true;
  }
  return false;
}

using Belongs = bool (*)(const fs::path& process, const fs::path& directory);

std::vector<int> ProcessesIn(const fs::path& directory, Belongs belongs) {
  std::vector<int> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    int pid = 0;
    const std::string name = entry.path().filename().string();
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    if (belongs(entry.path(), directory)) found.push_back(pid);
  }
  return found;
}

bool EndedWithin(const fs::path& directory, Belongs belongs, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!ProcessesIn(directory, belongs).empty()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

void End(const fs::path& directory, Belongs belongs, int polite) {
  const fs::path real = fs::canonical(directory);
  for (const int signal : {polite, SIGKILL}) {
    for (const int pid : ProcessesIn(real, belongs)) ::kill(pid, signal);
    if (EndedWithin(real, belongs, std::chrono::seconds(10))) return;
  }
}

}  // namespace

ProcessMark MarkOf(int pid) {
  auto started = StartTime(pid);
  if (!started) throw base::Error(base::Code::kInternal, "there is no process " + std::to_string(pid));
  return {.pid = pid, .started = *started, .boot = base::BootId(), .pid_namespace = base::PidNamespace()};
}

bool Gone(const ProcessMark& mark) {
  if (mark.boot != base::BootId()) return true;
  if (mark.pid_namespace != base::PidNamespace()) return false;
  return StartTime(mark.pid) != mark.started;
}

// Children of a server take SIGQUIT as its immediate shutdown, too, so who is whose parent does not matter.
void StopServersIn(const fs::path& directory) { End(directory, IsServerIn, SIGQUIT); }

void EndProcessesIn(const fs::path& directory) { End(directory, WorksIn, SIGTERM); }

}  // namespace sandbox
