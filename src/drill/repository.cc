#include "drill/repository.h"

#include "base/file.h"
#include "base/process.h"

namespace drill {

Repository Repository::Create(const std::filesystem::path& directory) {
  base::MakeDirectories(directory, 0755);
  Repository repository(directory);
  repository.Git({"init", "--quiet", "--initial-branch=main"});
  return repository;
}

std::string Repository::Git(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {"git",
                                   "--git-dir=" + (directory_ / ".git").string(),
                                   "--work-tree=" + directory_.string(),
                                   "-c",
                                   "user.name=drill",
                                   "-c",
                                   "user.email=drill@localhost"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const base::Finished git = base::RunOrThrow(
      {.argv = argv, .env = {{"GIT_CONFIG_GLOBAL", "/dev/null"}, {"GIT_CONFIG_NOSYSTEM", "1"}}, .cwd = directory_});
  return git.out.substr(0, git.out.find('\n'));
}

std::string Repository::Commit(const std::map<std::string, std::string>& files, const std::string& message) {
  for (const auto& [path, text] : files) {
    base::MakeDirectories((directory_ / path).parent_path(), 0755);
    base::WriteFile(directory_ / path, text);
  }
  Git({"add", "--all"});
  Git({"commit", "--quiet", "--allow-empty", "-m", message});
  return Git({"rev-parse", "--short", "HEAD"});
}

std::string Repository::Revert(const std::string& commit) {
  Git({"revert", "--no-edit", commit});
  return Git({"rev-parse", "--short", "HEAD"});
}

}  // namespace drill
