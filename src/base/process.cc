#include "base/process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/process.hpp>
#include <boost/process/extend.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace base {
namespace {

namespace bp = boost::process;
using std::chrono::milliseconds;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

[[noreturn]] void FailStart(const Command& command, const std::string& why) {
  throw Error(Code::kProcessStart, fmt::format("cannot start {}", command.argv.empty() ? "" : command.argv.front()))
      .Detail(why);
}

// An anonymous file in memory. The streams of a child are such files, not pipes: nobody has to read while it runs, and
// a grandchild that keeps them open holds up nobody.
File MemoryFile(const Command& command) {
  const int fd = memfd_create("switchback", MFD_CLOEXEC);
  if (fd < 0) FailStart(command, std::strerror(errno));
  return File(fdopen(fd, "r+"));
}

std::string ContentOf(const File& file) {
  std::string content;
  std::array<char, 1 << 14> buffer;
  off_t offset = 0;
  while (true) {
    const ssize_t size = pread(fileno(file.get()), buffer.data(), buffer.size(), offset);
    if (size <= 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(size));
    offset += size;
  }
}

// How a child stands to this process's terminal and signals.
enum class Group {
  kShared,   // Ctrl-C reaches it too
  kOwn,      // killed together with what it started
  kSession,  // outlives this process
};

bool Matches(std::string_view name, std::string_view pattern) {
  return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1)) : name == pattern;
}

bool IsPassed(const Command& command, const std::string& name) {
  constexpr std::array<std::string_view, 10> kBasics = {"PATH", "HOME",     "USER", "LOGNAME", "SHELL",
                                                        "LANG", "LANGUAGE", "LC_*", "TZ",      "TMPDIR"};
  const auto matches = [&](const auto& pattern) { return Matches(name, pattern); };
  return command.inherit == Inherit::kAll || std::ranges::any_of(kBasics, matches) ||
         std::ranges::any_of(command.pass, matches);
}

// As "NAME=value". Not Boost's: its look-up reads past short entries.
std::vector<std::string> EnvironmentOf(const Command& command) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (!command.env.contains(name) && IsPassed(command, name)) entries.push_back(text);
  }
  for (const auto& [name, value] : command.env) entries.push_back(name + "=" + value);
  return entries;
}

// The null-terminated list that exec takes; it points into `texts`.
std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));  // exec's old type
  pointers.push_back(nullptr);
  return pointers;
}

// What Boost is told beyond streams and directory. Its own arguments take an empty string or a quote amiss.
struct ChildSetup : bp::extend::handler {
  ChildSetup(const char* program_path, char* const* program_argv, char** program_env,
             const std::optional<Account>& run_as, Group child_group)
      : program(program_path),
        argv(program_argv),
        env(program_env),
        account(run_as),
        group(child_group),
        parent(getpid()) {}

  template <typename Executor>
  void on_setup(Executor& executor) const {
    executor.exe = program;
    executor.cmd_line = argv;
    executor.env = env;
  }

  // Runs in the child between fork and exec.
  template <typename Executor>
  void on_exec_setup(Executor&) const {
    if (group == Group::kOwn) setpgid(0, 0);
    if (group == Group::kSession) setsid();
    // Closed by exec, not now as bp::limit_handles does: Boost reports a failed exec through one of them.
    if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
      const int end = static_cast<int>(std::min(sysconf(_SC_OPEN_MAX), 65536L));
      for (int fd = STDERR_FILENO + 1; fd < end; ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    // Never go on with more rights than asked for.
    if (account && (setgroups(0, nullptr) != 0 || setgid(account->gid) != 0 || setuid(account->uid) != 0)) {
      constexpr std::string_view kMessage = "switchback: cannot change to the account asked for\n";
      [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage.data(), kMessage.size());
      _exit(126);
    }
    if (group != Group::kSession) DieWithParent();
  }

  // The kernel watches the thread that started the child: it is the one that waits for its end. A change of the account
  // would undo this, so it comes behind that; a parent that is gone already is seen by its number.
  void DieWithParent() const {
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) _exit(126);
  }

  const char* program;
  char* const* argv;
  char** env;
  const std::optional<Account>& account;
  Group group;
  pid_t parent;
};

File OpenLog(const Command& command, const std::filesystem::path& log) {
  const ActingAs account(command.account);
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    throw Error(Code::kFileWrite, "cannot write " + log.string())
        .Detail(errno == ELOOP ? "it is a symbolic link" : std::strerror(errno));
  }
  return File(fdopen(fd, "a"));
}

boost::filesystem::path FindProgram(const Command& command) {
  if (command.argv.empty() || command.argv.front().empty()) FailStart(command, "no program was named");
  const std::string& program = command.argv.front();
  if (program.find('/') != std::string::npos) return program;
  boost::filesystem::path found = bp::search_path(program);
  if (found.empty()) FailStart(command, "no such program on PATH");
  return found;
}

pid_t Spawn(const Command& command, const File& in, const File& out, const File& err, Group group) {
  const boost::filesystem::path program = FindProgram(command);
  const std::vector<std::string> environment = EnvironmentOf(command);
  std::vector<char*> env = Pointers(environment);
  const std::vector<char*> argv = Pointers(command.argv);
  // The account may have no right to enter the directory that this process stands in.
  const std::string cwd = !command.cwd.empty() ? command.cwd.string() : command.account ? "/" : ".";
  try {
    bp::child child(bp::start_dir = cwd, bp::std_in<in.get(), bp::std_out> out.get(), bp::std_err > err.get(),
                    ChildSetup(program.c_str(), argv.data(), env.data(), command.account, group));
    const pid_t pid = child.id();
    child.detach();
    return pid;
  } catch (const bp::process_error& error) {
    FailStart(command, error.code().message());
  }
}

int ExitOf(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// Reaps `pid` where it ended.
std::optional<int> TryReap(pid_t pid) {
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = waitpid(pid, &status, WNOHANG);
  } while (reaped < 0 && errno == EINTR);
  if (reaped == 0) return std::nullopt;
  if (reaped < 0) throw Error(Code::kInternal, "lost track of a child process").Detail(std::strerror(errno));
  return ExitOf(status);
}

// Waits for its end or, with a limit, for that long.
std::optional<int> Await(pid_t pid, std::optional<milliseconds> limit) {
  const auto start = std::chrono::steady_clock::now();
  milliseconds pause(1);
  while (true) {
    if (const std::optional<int> exit = TryReap(pid)) return exit;
    if (limit && std::chrono::steady_clock::now() - start >= *limit) return std::nullopt;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, milliseconds(20));
  }
}

// Large output is cut: what matters stands at its end.
std::string LastWords(const Finished& finished) {
  constexpr std::size_t kMax = 4000;
  const std::string& said = finished.err.empty() ? finished.out : finished.err;
  std::string words = said.size() > kMax ? "..." + said.substr(said.size() - kMax) : said;
  while (!words.empty() && words.back() == '\n') words.pop_back();
  return words.empty() ? fmt::format("exit status {}, without a message", finished.exit) : words;
}

}  // namespace

std::optional<Account> FindAccount(const std::string& name) {
  const passwd* entry = getpwnam(name.c_str());
  if (entry == nullptr) return std::nullopt;
  return Account{.name = name, .uid = entry->pw_uid, .gid = entry->pw_gid};
}

bool RunningAsRoot() { return geteuid() == 0; }

// Of this thread alone, as the system calls of Linux do; those of the C library change all threads.
ActingAs::ActingAs(const std::optional<Account>& account) {
  if (!account || !RunningAsRoot()) return;
  const int count = getgroups(0, nullptr);
  groups_.resize(static_cast<std::size_t>(std::max(count, 0)));
  if (count < 0 || getgroups(count, groups_.data()) != count || syscall(SYS_setgroups, 0, nullptr) != 0) {
    throw Error(Code::kInternal, "cannot lay down this account's groups").Detail(std::strerror(errno));
  }
  acting_ = true;
  setfsgid(account->gid);
  setfsuid(account->uid);
}

ActingAs::~ActingAs() {
  if (!acting_) return;
  setfsuid(geteuid());
  setfsgid(getegid());
  syscall(SYS_setgroups, groups_.size(), groups_.data());
}

Finished Run(const Command& command) {
  const File in = MemoryFile(command);
  const File out = MemoryFile(command);
  const File err = MemoryFile(command);
  if (std::fwrite(command.input.data(), 1, command.input.size(), in.get()) != command.input.size() ||
      std::fflush(in.get()) != 0) {
    FailStart(command, std::strerror(errno));
  }
  std::rewind(in.get());

  const bool limited = command.deadline.count() > 0;
  const pid_t pid = Spawn(command, in, out, err, limited ? Group::kOwn : Group::kShared);
  const std::optional<int> exit = Await(pid, limited ? std::optional(command.deadline) : std::nullopt);
  if (!exit) {
    kill(-pid, SIGKILL);
    Await(pid, std::nullopt);
    throw Error(Code::kDeadline,
                fmt::format("{} ran longer than {} ms and was ended", command.argv.front(), command.deadline.count()));
  }
  return {.exit = *exit, .out = ContentOf(out), .err = ContentOf(err)};
}

Finished RunOrThrow(const Command& command) {
  Finished finished = Run(command);
  if (finished.exit != 0) {
    throw Error(Code::kProcessFailed, fmt::format("{} failed with exit status {}", command.argv.front(), finished.exit))
        .Detail(LastWords(finished));
  }
  return finished;
}

struct Child::State {
  pid_t pid = 0;
  std::optional<int> exit = {};
};

Child::Child(std::unique_ptr<State> state) : state_(std::move(state)) {}
Child::Child(Child&&) noexcept = default;
Child& Child::operator=(Child&&) noexcept = default;
Child::~Child() = default;

Child Child::Start(const Command& command, const std::filesystem::path& log) {
  const File in = MemoryFile(command);
  if (std::fwrite(command.input.data(), 1, command.input.size(), in.get()) != command.input.size() ||
      std::fflush(in.get()) != 0) {
    FailStart(command, std::strerror(errno));
  }
  std::rewind(in.get());
  const File out = OpenLog(command, log);
  return Child(std::make_unique<State>(State{.pid = Spawn(command, in, out, out, Group::kSession)}));
}

int Child::pid() const { return state_->pid; }

bool Child::Running() {
  if (!state_->exit) state_->exit = TryReap(state_->pid);
  return !state_->exit;
}

std::optional<int> Child::Wait(milliseconds deadline) {
  if (!state_->exit) state_->exit = Await(state_->pid, deadline);
  return state_->exit;
}

void Child::Signal(int signal) {
  // Once reaped, the number may belong to another process.
  if (Running()) kill(state_->pid, signal);
}

}  // namespace base
