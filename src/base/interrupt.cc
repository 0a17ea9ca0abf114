#include "base/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

#include "base/error.h"

namespace base {
namespace {

std::atomic<int> caught_signal{0};
std::atomic<bool> interrupted{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "the handler may touch nothing else");

void Handle(int signal) {
  int none = 0;
  if (!caught_signal.compare_exchange_strong(none, signal)) _exit(128 + signal);
  interrupted.store(true);
}

}  // namespace

void CatchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = Handle;
  sigemptyset(&action.sa_mask);
  // Waits in libpq and in children go on; the flag is seen after them.
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A limit to the size of files is then what a full disk is: an error of the write.
  action.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &action, nullptr);
}

bool Interrupted() { return interrupted.load(); }

const std::atomic<bool>& InterruptFlag() { return interrupted; }

void StopIfInterrupted() {
  if (Interrupted()) throw Error(Code::kInterrupted, "interrupted at a safe point");
}

Exit InterruptExit() { return caught_signal.load() == SIGTERM ? Exit::kTerminated : Exit::kInterrupted; }

}  // namespace base
