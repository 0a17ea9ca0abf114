#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace drill {

// The Git repository of the shop: its code, and the project with its releases. git is run as the caller, by a neutral
// identity, and without the caller's configuration.
class Repository {
 public:
  // Makes the directory and an empty repository in it. Throws kProcessStart or kProcessFailed.
  static Repository Create(const std::filesystem::path& directory);

  // Writes the files (relative path -> text), and commits all there is. The short hash.
  std::string Commit(const std::map<std::string, std::string>& files, const std::string& message);
  // git revert of one commit. The short hash of the revert.
  std::string Revert(const std::string& commit);
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

 private:
  explicit Repository(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::string Git(const std::vector<std::string>& arguments) const;
  std::filesystem::path directory_;
};

}  // namespace drill
