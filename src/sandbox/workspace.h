#pragma once

#include <filesystem>
#include <string>

namespace sandbox {

// A directory for servers that are not yet, or never, to outlive the process that makes them is claimed by it: a mark
// in the directory names the process. So what a killed process left can be told from everything else.
void Claim(const std::filesystem::path& directory);
// The directory stays, whatever becomes of this process. A crash before this leaves it to RemoveAbandoned.
void Release(const std::filesystem::path& directory);
// True where the directory is claimed, by a process that is gone.
bool Abandoned(const std::filesystem::path& directory);
// Stops the servers in an abandoned directory and removes it; any other is left alone. True: it is gone now.
bool RemoveAbandoned(const std::filesystem::path& directory);

// A directory for throwaway servers that the server account (see ServerAccount) may enter, under $TMPDIR or, where that
// is closed to the account or too long for a socket, /tmp. It is claimed by the process that made it, or by `owner`.
// The destructor stops the servers in it and removes it, unless it was kept or belongs to another process. After kill
// -9 the next SweepStale() does both. Throws kFileWrite.
class Workspace {
 public:
  // `purpose` becomes part of the name: "drill", "prove", "test".
  explicit Workspace(const std::string& purpose);
  // Belongs to the process `owner`.
  Workspace(const std::string& purpose, int owner);
  Workspace(Workspace&& other) noexcept;
  Workspace(const Workspace&) = delete;
  ~Workspace();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Nobody removes it from now on, nor stops what runs in it. A crash before this leaves it to SweepStale().
  void Keep();

  // Stops the servers in a workspace and removes it; a path that is not a workspace is refused (kInternal).
  static void Remove(const std::filesystem::path& path);
  // Removes the workspaces whose process is gone. What cannot be removed is logged.
  static void SweepStale();

 private:
  std::filesystem::path path_;
  bool remove_ = true;
};

}  // namespace sandbox
