#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

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

}  // namespace
}  // namespace base
