#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace base {

// Reads a whole file; throws kFileRead.
std::string ReadFile(const std::filesystem::path& path);
// The same, or nothing where there is no such file.
std::optional<std::string> ReadFileIfExists(const std::filesystem::path& path);

// The one writer of files that must survive a power cut. Two ways:
//  - Replace: writes PATH.tmp-<random>, and Commit() syncs it, renames it over PATH and syncs the directory. A crash
//  leaves
//    the old file or the new one, and at most a .tmp- file, which nobody reads.
//  - Append: opens or creates PATH; Write() appends, Commit() syncs. A crash leaves a prefix of what was written since
//  the
//    last Commit(), maybe with a torn last line.
// Throws kFileWrite. A Replace that is destroyed before Commit() leaves PATH as it was.
class FileWriter {
 public:
  static FileWriter Replace(const std::filesystem::path& path, unsigned mode = 0644);
  static FileWriter Append(const std::filesystem::path& path, unsigned mode = 0600);
  FileWriter(FileWriter&&) noexcept;
  FileWriter& operator=(FileWriter&&) noexcept;
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter();

  void Write(std::string_view data);
  void Commit();

 private:
  struct State;
  explicit FileWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// FileWriter::Replace, Write and Commit in one.
void WriteFile(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

// Creates a directory and its parents where missing, with this mode for those it creates; throws kFileWrite.
void MakeDirectories(const std::filesystem::path& path, unsigned mode = 0700);

// One call for what would be a sync of each of many thousand files. Only kernels from 5.8 on tell when it failed.
bool CanSyncFileSystems();
// Takes all that was written to the file system of a directory to the disk; throws kFileWrite.
void SyncFileSystemOf(const std::filesystem::path& directory);

}  // namespace base
