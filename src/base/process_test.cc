#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

namespace base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Code CodeOf(const Command& command) {
  try {
    RunOrThrow(command);
  } catch (const Error& error) {
    return error.code();
  }
  return Code::kInternal;
}

TEST(Run, KeepsOutputStreamsAndExitApart) {
  const Finished finished = base::Run({.argv = {"sh", "-c", "echo to-out; echo to-err >&2; exit 3"}});
  EXPECT_EQ(finished.exit, 3);
  EXPECT_EQ(finished.out, "to-out\n");
  EXPECT_EQ(finished.err, "to-err\n");
  EXPECT_EQ(base::Run({.argv = {"sh", "-c", "kill -TERM $$"}}).exit, 128 + SIGTERM);
}

TEST(Run, PassesArgumentsAsTheyAre) {
  const Finished finished = base::Run({.argv = {"printf", "[%s]", "", "a b", "\"'\\$(id)", "é"}});
  EXPECT_EQ(finished.out, "[][a b][\"'\\$(id)][é]");
}

TEST(Run, LargeInputAndBothLargeOutputsDoNotBlock) {
  const std::string input(4 << 20, 'x');
  const Finished finished =
      base::Run({.argv = {"sh", "-c", "tee /dev/stderr"}, .input = input, .deadline = seconds(30)});
  EXPECT_EQ(finished.out, input);
  EXPECT_EQ(finished.err, input);
}

TEST(Run, InputThatNobodyReadsIsNoError) {
  EXPECT_EQ(base::Run({.argv = {"true"}, .input = std::string(1 << 20, 'x')}).exit, 0);
}

TEST(Run, PassesNoMoreOfTheEnvironmentThanIsAskedFor) {
  for (const char* name : {"DATABASE_URL", "PGPASSWORD", "SB_TEST_TOKEN", "SWITCHBACK_FAILPOINT_X", "LC_SB"}) {
    setenv(name, "s3cret", 1);
  }
  const auto names = [](const Command& command) {
    std::string seen;
    for (const char* name : {"DATABASE_URL", "PGPASSWORD", "SB_TEST_TOKEN", "LC_SB", "PATH"}) {
      if (base::Run(command).out.find("\n" + std::string(name) + "=") != std::string::npos)
        seen += name + std::string(" ");
    }
    return seen;
  };
  const std::vector<std::string> env = {"sh", "-c", "echo; env"};
  EXPECT_EQ(names({.argv = env}), "LC_SB PATH ");
  EXPECT_EQ(names({.argv = env, .pass = {"PG*", "SB_TEST"}}), "PGPASSWORD LC_SB PATH ");
  EXPECT_EQ(names({.argv = env, .inherit = Inherit::kAll}), "DATABASE_URL PGPASSWORD SB_TEST_TOKEN LC_SB PATH ");
  for (const char* name : {"DATABASE_URL", "PGPASSWORD", "SB_TEST_TOKEN", "SWITCHBACK_FAILPOINT_X", "LC_SB"}) {
    unsetenv(name);
  }
}

TEST(Child, DoesNotWriteThroughALink) {
  const auto directory = std::filesystem::temp_directory_path() / ("sb-link-" + RandomHex(6));
  std::filesystem::create_directories(directory);
  base::WriteFile(directory / "target", "kept\n");
  std::filesystem::create_symlink(directory / "target", directory / "log");
  EXPECT_THROW(Child::Start({.argv = {"echo", "lost"}}, directory / "log"), Error);
  EXPECT_EQ(ReadFile(directory / "target"), "kept\n");
  std::filesystem::remove_all(directory);
}

TEST(ActingAs, IsRefusedWhatTheAccountMayNotRead) {
  const auto nobody = FindAccount("nobody");
  if (!RunningAsRoot() || !nobody) GTEST_SKIP() << "needs root";
  const auto directory = std::filesystem::temp_directory_path() / ("sb-acting-" + RandomHex(6));
  std::filesystem::create_directories(directory);
  base::WriteFile(directory / "roots", "s3cret", 0600);
  base::WriteFile(directory / "groups", "s3cret", 0640);
  {
    const ActingAs account(nobody);
    EXPECT_THROW(ReadFile(directory / "roots"), Error);
    EXPECT_THROW(ReadFile(directory / "groups"), Error);
  }
  EXPECT_EQ(ReadFile(directory / "roots"), "s3cret");
  EXPECT_EQ(ReadFile(directory / "groups"), "s3cret");
  std::filesystem::remove_all(directory);
}

TEST(Run, EnvironmentIsAddedAndDirectoryEntered) {
  const Finished finished = base::Run({.argv = {"sh", "-c", "echo \"$SB_TEST_VALUE\"; pwd; test -n \"$PATH\""},
                                       .env = {{"SB_TEST_VALUE", "a=b c"}},
                                       .cwd = "/usr"});
  EXPECT_EQ(finished.out, "a=b c\n/usr\n");
  EXPECT_EQ(finished.exit, 0);
}

TEST(Run, WhatCannotStartIsNamed) {
  EXPECT_EQ(CodeOf({.argv = {"no-such-program-here"}}), Code::kProcessStart);
  EXPECT_EQ(CodeOf({.argv = {"/no/such/program"}}), Code::kProcessStart);
  EXPECT_EQ(CodeOf({.argv = {"/etc/passwd"}}), Code::kProcessStart);
  EXPECT_EQ(CodeOf({}), Code::kProcessStart);
}

TEST(Run, FailureCarriesTheProgramsWords) {
  try {
    RunOrThrow({.argv = {"sh", "-c", "echo disk on fire >&2; exit 4"}});
    FAIL() << "it must throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kProcessFailed);
    EXPECT_EQ(error.detail(), "disk on fire");
  }
}

TEST(Run, DeadlineKillsTheProgramAndWhatItStarted) {
  const std::filesystem::path mark = std::filesystem::temp_directory_path() / ("switchback-test-" + RandomHex(8));
  const std::string script = "sleep 60 & echo $! > '" + mark.string() + "'; wait";
  EXPECT_EQ(CodeOf({.argv = {"sh", "-c", script}, .deadline = milliseconds(500)}), Code::kDeadline);
  const int grandchild = std::stoi(ReadFile(mark));
  // A zombie that init has not reaped yet is dead enough.
  for (int i = 0; i < 200 && kill(grandchild, 0) == 0; ++i) {
    if (ReadFileIfExists("/proc/" + std::to_string(grandchild) + "/stat").value_or(") Z").find(") Z") !=
        std::string::npos)
      break;
    usleep(10'000);
  }
  const std::string stat = ReadFileIfExists("/proc/" + std::to_string(grandchild) + "/stat").value_or(") Z");
  EXPECT_NE(stat.find(") Z"), std::string::npos) << stat;
  std::filesystem::remove(mark);
}

TEST(Run, ChildGetsNoOtherDescriptors) {
  const int fd = open("/dev/null", O_RDONLY);  // on purpose without O_CLOEXEC
  ASSERT_GT(fd, 2);
  const Finished finished =
      base::Run({.argv = {"sh", "-c", "test -e /proc/self/fd/" + std::to_string(fd) + " && echo open || echo closed"}});
  close(fd);
  EXPECT_EQ(finished.out, "closed\n");
}

TEST(Run, AccountIsDroppedWhollyAndStandsInTheRoot) {
  if (!RunningAsRoot()) GTEST_SKIP() << "needs root";
  const std::optional<Account> nobody = FindAccount("nobody");
  ASSERT_TRUE(nobody);
  const Finished finished = base::Run({.argv = {"sh", "-c", "id -u; id -G; pwd"}, .account = nobody});
  EXPECT_EQ(finished.out, std::to_string(nobody->uid) + "\n" + std::to_string(nobody->gid) + "\n/\n") << finished.err;
  EXPECT_FALSE(FindAccount("no-such-account"));
}

TEST(Child, RunsOnLogsAndIsReaped) {
  const std::filesystem::path log = std::filesystem::temp_directory_path() / ("switchback-test-" + RandomHex(8));
  Child child = Child::Start({.argv = {"sh", "-c", "echo started; echo oops >&2; sleep 60"}}, log);
  EXPECT_TRUE(child.Running());
  EXPECT_FALSE(child.Wait(milliseconds(20)));
  while (ReadFile(log) != "started\noops\n") usleep(1000);
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Wait(seconds(30)), 128 + SIGTERM);
  EXPECT_FALSE(child.Running());
  child.Signal(SIGTERM);  // nobody is there any more
  std::filesystem::remove(log);
}

// A process that runs a program and is killed while it does so.
void ExpectDiesWithParent(const std::optional<Account>& account) {
  const std::filesystem::path pid_file = std::filesystem::temp_directory_path() / ("switchback-test-" + RandomHex(8));
  WriteFile(pid_file, "");
  std::filesystem::permissions(pid_file, std::filesystem::perms(0666));
  const pid_t parent = fork();
  if (parent == 0) {
    base::Run({.argv = {"sh", "-c", "echo $$ > " + pid_file.string() + "; exec sleep 300"}, .account = account});
    _exit(0);
  }
  while (!ReadFile(pid_file).ends_with('\n') && waitpid(parent, nullptr, WNOHANG) == 0) usleep(1000);
  ASSERT_TRUE(ReadFile(pid_file).ends_with('\n')) << "the program did not run";
  const int child = std::stoi(ReadFile(pid_file));
  ASSERT_EQ(kill(child, 0), 0);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  // Whoever inherited it may be slow to reap it.
  const auto gone = [&] {
    const std::string stat = ReadFileIfExists("/proc/" + std::to_string(child) + "/stat").value_or(") Z");
    return stat.find(") Z") != std::string::npos;
  };
  for (int i = 0; i < 30'000 && !gone(); ++i) usleep(1000);
  EXPECT_TRUE(gone());
  std::filesystem::remove(pid_file);
}

TEST(Run, DiesWithItsParent) { ExpectDiesWithParent(std::nullopt); }

// A change of the account takes the kernel's promise back.
TEST(Run, DiesWithItsParentAsAnotherAccount) {
  if (!RunningAsRoot()) GTEST_SKIP() << "only root may change the account";
  ExpectDiesWithParent(FindAccount("nobody"));
}

}  // namespace
}  // namespace base
