#pragma once

#include <fcntl.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_calls.h"

namespace base {

// For tests: records what is written while it lives, and tells what a power cut at any moment may leave of it. What was
// not synced may be lost, whole or from any byte on, or be there in length only; a name that was made or moved may be
// back where it was until its directory was synced; what was synced stays.
class PowerCut : public FileCalls {
 public:
  PowerCut() { UseFiles(this); }
  ~PowerCut() override { UseFiles(nullptr); }
  PowerCut(const PowerCut&) = delete;
  PowerCut& operator=(const PowerCut&) = delete;

  // How many calls there were so far: the moments at which the power may go.
  [[nodiscard]] std::size_t Moments() const { return calls_.size(); }

  // Each content that `path` may have after a cut behind the first `moment` calls; nothing: there is no such file.
  using Content = std::optional<std::string>;
  void AtCut(std::size_t moment, const std::filesystem::path& path,
             const std::function<void(const Content&)>& see) const {
    const Disk disk = After(moment);
    Names names = disk.synced_names;
    SeeAll(disk, names, path, see);
    for (const auto& [name, file] : disk.moved) {
      names[name] = file;
      SeeAll(disk, names, path, see);
    }
  }

  int Open(const std::filesystem::path& path, int flags, unsigned mode) override {
    const int fd = FileCalls::Open(path, flags, mode);
    if (fd < 0) return fd;
    open_[fd] = path;
    if ((flags & O_DIRECTORY) == 0) calls_.push_back({Kind::kOpen, path, {}, 0});
    return fd;
  }
  ssize_t Write(int fd, std::string_view data) override {
    const ssize_t written = FileCalls::Write(fd, data);
    if (written > 0)
      calls_.push_back({Kind::kWrite, open_[fd], std::string(data.substr(0, static_cast<std::size_t>(written))), 0});
    return written;
  }
  int Sync(int fd) override {
    calls_.push_back({Kind::kSync, open_[fd], {}, 0});
    return FileCalls::Sync(fd);
  }
  int Rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    calls_.push_back({Kind::kRename, from, to.string(), 0});
    return FileCalls::Rename(from, to);
  }
  int Truncate(const std::filesystem::path& path, std::uintmax_t size) override {
    calls_.push_back({Kind::kTruncate, path, {}, size});
    return FileCalls::Truncate(path, size);
  }

 private:
  enum class Kind { kOpen, kWrite, kSync, kRename, kTruncate };
  struct Call {
    Kind kind;
    std::string path;
    std::string data;
    std::uintmax_t size;
  };
  struct File {
    std::string synced;
    std::string now;
  };
  using Names = std::map<std::string, std::size_t>;  // to files
  struct Disk {
    std::vector<File> files;
    Names names;
    Names synced_names;
    std::vector<std::pair<std::string, std::size_t>> moved;  // since the directory was synced
  };

  [[nodiscard]] Disk After(std::size_t moment) const {
    Disk disk;
    for (std::size_t i = 0; i < moment; ++i) {
      const Call& call = calls_[i];
      const auto known = disk.names.find(call.path);
      switch (call.kind) {
        case Kind::kOpen:
          if (known != disk.names.end()) break;
          disk.files.emplace_back();
          Point(disk, call.path, disk.files.size() - 1);
          break;
        case Kind::kWrite:
          disk.files[known->second].now += call.data;
          break;
        case Kind::kTruncate:
          disk.files[known->second].now.resize(call.size);
          break;
        case Kind::kRename:
          Point(disk, call.data, known->second);
          break;
        case Kind::kSync:
          if (known == disk.names.end()) {
            disk.synced_names = disk.names;
            disk.moved.clear();
          } else {
            disk.files[known->second].synced = disk.files[known->second].now;
          }
          break;
      }
    }
    return disk;
  }

  static void Point(Disk& disk, const std::string& name, std::size_t file) {
    disk.names[name] = file;
    disk.moved.emplace_back(name, file);
  }

  static void SeeAll(const Disk& disk, const Names& names, const std::string& path,
                     const std::function<void(const Content&)>& see) {
    const auto found = names.find(path);
    if (found == names.end()) return see(std::nullopt);
    const File& file = disk.files[found->second];
    see(file.synced);
    if (file.now == file.synced) return;
    std::size_t same = 0;
    while (same < std::min(file.now.size(), file.synced.size()) && file.now[same] == file.synced[same]) ++same;
    for (std::size_t size = same; size <= file.now.size(); ++size) see(file.now.substr(0, size));
    see(file.now.substr(0, same) + std::string(file.now.size() - same, '\0'));
  }

  std::vector<Call> calls_;
  std::map<int, std::string> open_;
};

}  // namespace base
