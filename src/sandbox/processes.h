#pragma once

#include <filesystem>
#include <string>

namespace sandbox {

// What /proc tells about processes. Linux only.

// A process that can be recognised later, even when its number has been given to another one.
struct ProcessMark {
  int pid = 0;
  std::string started;        // in clock ticks since boot
  std::string boot;           // id of the boot
  std::string pid_namespace;  // of process numbers; a container has its own
};

// Throws kInternal where there is no such process.
ProcessMark MarkOf(int pid);

// True where that process has surely ended. A process of another pid namespace of this boot cannot be seen and is not
// judged.
bool Gone(const ProcessMark& mark);

// Ends PostgreSQL servers whose working directory (a server's data directory) lies inside `directory`: immediate
// shutdown, then SIGKILL. Other processes in there are left alone.
void StopServersIn(const std::filesystem::path& directory);

// Ends whatever has its working directory or an open file inside `directory`, this process aside: what a killed command
// started, and it started in its turn. SIGTERM, then SIGKILL. Only what this account may look at is found.
void EndProcessesIn(const std::filesystem::path& directory);

}  // namespace sandbox
