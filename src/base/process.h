#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace base {

// An operating-system account to run a child as. Only root may change it.
struct Account {
  std::string name;
  unsigned uid = 0;
  unsigned gid = 0;
};
std::optional<Account> FindAccount(const std::string& name);
bool RunningAsRoot();

// What a program gets of this process's environment. It may hold secrets, and what a server runs with can be read by
// its superusers, its extensions and its logs.
enum class Inherit {
  kBasics,  // where programs, the home and temporary files are, the language, the time zone
  kAll,     // for this program itself, and what tests run
};

struct Command {
  std::vector<std::string> argv;                // argv[0] is searched on PATH unless it contains '/'
  std::map<std::string, std::string> env = {};  // added to its environment
  Inherit inherit = Inherit::kBasics;
  std::vector<std::string> pass = {};     // names of further variables that it gets; "PG*": all that begin so
  std::filesystem::path cwd = {};         // empty: this process's
  std::optional<Account> account = {};    // run as this account (uid, gid, groups cleared); needs root
  std::string input = {};                 // written to its standard input, which is then closed
  std::chrono::milliseconds deadline{0};  // 0 = none; past it the child is killed and kDeadline thrown
};

struct Finished {
  int exit = 0;  // exit status; 128 + signal where a signal ended it
  std::string out;
  std::string err;
};

// Runs a program to its end. A non-zero exit is a value; throws kProcessStart where it could not be started. Where this
// process ends first, also by SIGKILL, the program gets SIGTERM; what that one started in its turn may live on.
Finished Run(const Command& command);

// Run, and throws kProcessFailed with the program's own words where it exits other than 0.
Finished RunOrThrow(const Command& command);

// While it lives, this thread reaches files as `account` would, and with none of root's rights to them; other threads
// and the rights to anything else are as they were. Nothing without an account. What lies in a directory of another
// account is read and written so: a link there leads nowhere that this account could not go itself.
class ActingAs {
 public:
  explicit ActingAs(const std::optional<Account>& account);
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  ~ActingAs();

 private:
  bool acting_ = false;
  std::vector<unsigned> groups_;
};

// A program that goes on in the background. Its output goes to `log` (appended; opened as its account, and no link is
// followed). The child does not get other open file
// descriptors of this process. It is not stopped by the destructor: who starts it decides.
class Child {
 public:
  static Child Start(const Command& command, const std::filesystem::path& log);
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();

  [[nodiscard]] int pid() const;
  // True while it runs; reaps it when it ended.
  bool Running();
  // Waits; exit status as in Finished. Nothing: the time ran out.
  std::optional<int> Wait(std::chrono::milliseconds deadline);
  void Signal(int signal);

 private:
  struct State;
  explicit Child(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace base
