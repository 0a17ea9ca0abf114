#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "pg/connection.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

Server StartIn(const Workspace& workspace) {
  ServerOptions options;
  options.binaries = FindBinaries();
  options.account = ServerAccount();
  options.data = workspace.path() / "data";
  options.settings = {{"fsync", "off"}};
  auto server = Server::Initialize(options);
  server.Start();
  return server;
}

bool Answers(const std::string& url) {
  try {
    return pg::Connection::Open({.conninfo = url}).Exec("SELECT 1").Int(0, 0) == 1;
  } catch (const base::Error&) {
    return false;
  }
}

// Runs `body` in a child process that then kills itself.
void InAKilledProcess(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      ::_exit(1);
    }
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(Workspace, DestructorStopsServersAndRemoves) {
  fs::path path;
  std::string url;
  {
    Workspace workspace("test");
    path = workspace.path();
    auto server = StartIn(workspace);
    url = server.Url();
    server.Detach();
    EXPECT_TRUE(Answers(url));
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_FALSE(Answers(url));
}

TEST(Workspace, NextSweepRemovesWhatAKilledProcessLeft) {
  Workspace notes("test");  // the child's words; also a living workspace, which the sweep must leave
  InAKilledProcess([&] {
    Workspace workspace("test");
    auto server = StartIn(workspace);
    base::WriteFile(notes.path() / "url", server.Url());
    base::WriteFile(notes.path() / "path", workspace.path().string());
    Workspace kept("test");
    base::WriteFile(notes.path() / "kept", kept.path().string());
    kept.Keep();
    ::raise(SIGKILL);
  });
  const std::string url = base::ReadFile(notes.path() / "url");
  const fs::path path = base::ReadFile(notes.path() / "path");
  const fs::path kept = base::ReadFile(notes.path() / "kept");
  ASSERT_TRUE(Answers(url));
  // Somebody looks around in it.
  auto onlooker = base::Child::Start({.argv = {"sleep", "600"}, .cwd = path}, notes.path() / "log");

  Workspace::SweepStale();
  EXPECT_FALSE(Answers(url));
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::exists(kept));
  EXPECT_TRUE(fs::exists(notes.path()));
  EXPECT_TRUE(onlooker.Running());
  onlooker.Signal(SIGKILL);
  onlooker.Wait(std::chrono::seconds(10));
  Workspace::Remove(kept);
}

TEST(Workspace, OnlyWhatAKilledProcessClaimedIsAbandoned) {
  Workspace workspace("test");
  const fs::path claimed = workspace.path() / "claimed";
  const fs::path released = workspace.path() / "released";
  const fs::path nobodys = workspace.path() / "nobodys";
  for (const fs::path& directory : {claimed, released, nobodys}) fs::create_directory(directory);
  InAKilledProcess([&] {
    Claim(claimed);
    Claim(released);
    Release(released);
  });
  EXPECT_TRUE(Abandoned(claimed));
  EXPECT_TRUE(RemoveAbandoned(claimed));
  EXPECT_FALSE(fs::exists(claimed));
  EXPECT_FALSE(RemoveAbandoned(claimed));
  EXPECT_FALSE(RemoveAbandoned(released));
  EXPECT_FALSE(RemoveAbandoned(nobodys));
  Claim(nobodys);
  EXPECT_FALSE(RemoveAbandoned(nobodys)) << "this process lives";
  EXPECT_TRUE(fs::exists(released));
  EXPECT_TRUE(fs::exists(nobodys));
}

TEST(Workspace, OfAnotherProcessLivesAsLongAsThat) {
  Workspace notes("test");
  auto owner = base::Child::Start({.argv = {"sleep", "600"}}, notes.path() / "log");
  fs::path path;
  {
    Workspace workspace("test", owner.pid());
    path = workspace.path();
  }
  Workspace::SweepStale();
  EXPECT_TRUE(fs::exists(path));
  owner.Signal(SIGKILL);
  ASSERT_TRUE(owner.Wait(std::chrono::seconds(10)));
  Workspace::SweepStale();
  EXPECT_FALSE(fs::exists(path));
}

TEST(Workspace, OnlyAWorkspaceIsRemoved) {
  Workspace workspace("test");
  const fs::path inner = workspace.path() / "data";
  fs::create_directory(inner);
  EXPECT_THROW(Workspace::Remove(inner), base::Error);
  fs::create_directory_symlink(inner, workspace.path() / "switchback-link");
  EXPECT_THROW(Workspace::Remove(workspace.path() / "switchback-link"), base::Error);
  EXPECT_TRUE(fs::exists(inner));
}

TEST(Workspace, RootThatTheServerMayNotEnterIsNotUsed) {
  Workspace workspace("test");
  const fs::path closed = workspace.path() / std::string(80, 'x');  // too long for a socket below it
  fs::create_directory(closed);
  const char* before = std::getenv("TMPDIR");
  const std::string restore = before == nullptr ? "" : before;
  ::setenv("TMPDIR", closed.c_str(), 1);
  EXPECT_NE(Workspace("test").path().parent_path(), closed);
  if (base::RunningAsRoot()) {
    const fs::path of_root = workspace.path() / "r";
    fs::create_directory(of_root);
    ::chmod(of_root.c_str(), 0700);
    ::setenv("TMPDIR", of_root.c_str(), 1);
    EXPECT_NE(Workspace("test").path().parent_path(), of_root);
    ::chmod(of_root.c_str(), 0777);
    EXPECT_EQ(Workspace("test").path().parent_path(), of_root);
  }
  before == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", restore.c_str(), 1);
}

}  // namespace
}  // namespace sandbox
