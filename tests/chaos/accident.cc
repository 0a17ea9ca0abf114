#include "accident.h"

#include <sys/resource.h>

#include <csignal>
#include <thread>

#include "base/error.h"

namespace chaos {
namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

// No file of the program grows beyond what the journal is now, and a torn line.
void FillDisk(Ground& ground, Running& running, const std::string& release) {
  std::error_code none;
  const auto size = fs::file_size(ground.State(release) / "journal.jsonl", none);
  const rlim_t most = none ? 10 : size + 10;
  const rlimit limit{most, most};
  ::prlimit(running.child().pid(), RLIMIT_FSIZE, &limit, nullptr);
}

// Those of the program alone.
void Cut(Ground& ground) {
  ground.Connect().Exec(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name LIKE "
      "'switchback%'");
}

}  // namespace

bool Befall(Ground& ground, Running& running, const std::string& release, Accident accident, milliseconds after) {
  const auto until = std::chrono::steady_clock::now() + after;
  while (std::chrono::steady_clock::now() < until) {
    if (!running.child().Running()) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  if (!running.child().Running()) return false;
  switch (accident) {
    case Accident::kNone:
      return false;
    case Accident::kKill:
      running.child().Signal(SIGKILL);
      break;
    case Accident::kServer:
      ground.server().Stop(sandbox::Server::StopMode::kImmediate);
      ground.server().Start();
      break;
    case Accident::kCut:
      Cut(ground);
      break;
    case Accident::kStop:
      running.child().Signal(SIGSTOP);
      break;
    case Accident::kDisk:
      FillDisk(ground, running, release);
      break;
    case Accident::kInterrupt:
      running.child().Signal(SIGINT);
      break;
  }
  return true;
}

void Wake(Running& running) { running.child().Signal(SIGCONT); }

}  // namespace chaos
