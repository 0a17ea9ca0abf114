// sb_postgres_fixture start|stop FILE: the server of a run of ctest. FILE holds its address and its workspace, a line
// each. The workspace belongs to the parent process (ctest): where that dies, the next start sweeps.

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <sstream>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "fixture_server.h"

namespace {

void Stop(const std::filesystem::path& file) {
  const auto text = base::ReadFileIfExists(file);
  if (!text) return;
  std::istringstream in(*text);
  std::string url;
  std::string workspace;
  if (std::getline(in, url) && std::getline(in, workspace) && std::filesystem::exists(workspace)) {
    sandbox::Workspace::Remove(workspace);
  }
  std::filesystem::remove(file);
}

void Start(const std::filesystem::path& file) {
  Stop(file);
  sandbox::Workspace::SweepStale();
  const sandbox::Workspace workspace("test", ::getppid());
  auto server = test::StartFixtureServer(workspace);
  base::WriteFile(file, server.Url() + "\n" + workspace.path().string() + "\n");
  server.Detach();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc == 3 ? argv[1] : "";
  try {
    if (verb == "start") {
      Start(argv[2]);
    } else if (verb == "stop") {
      Stop(argv[2]);
    } else {
      std::fputs("usage: sb_postgres_fixture start|stop FILE\n", stderr);
      return 2;
    }
  } catch (const base::Error& error) {
    std::fprintf(stderr, "%s\n", error.Text().c_str());
    return 1;
  }
  return 0;
}
