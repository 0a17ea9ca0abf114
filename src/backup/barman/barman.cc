#include "backup/barman/barman.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <thread>

#include "backup/archiver.h"
#include "backup/follower.h"
#include "backup/programs.h"
#include "backup/waldump.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace backup::barman {
namespace {

namespace fs = std::filesystem;

fs::path FileOf(const Places& places, const std::string& segment) {
  constexpr std::size_t kFolder = 16;
  return places.wals / segment.substr(0, kFolder) / segment;
}

std::string ArchiveCommand(const Places& places) {
  return fmt::format("rsync -a %p {}/%f", ShellQuoteForServer(places.incoming.string()));
}

// Copies what lies uncompressed in the archive, which is quick; all else comes through Barman.
std::string SegmentCommand(const Tool& tool, const Places& places, const Backup& backup) {
  return fmt::format(
      "s=%f; s={}/${{s%%????????}}/$s; "
      "if [ \"$(stat -c %%s \"$s\" 2>/dev/null)\" = {} ]; then cp \"$s\" \"%p\"; else {}; fi",
      ShellQuoteForServer(places.wals.string()), backup.segment_bytes, tool.RestoreLine());
}

base::Json Output(const base::Finished& finished, const std::string& command) {
  return base::ParseJson(finished.out, "the output of barman " + command);
}

}  // namespace

Places BarmanProvider::FindPlaces() const {
  const base::Finished finished = tool_.Run("show-server");
  if (finished.exit != 0) throw Failure(base::Code::kRepositoryUnusable, "show-server", finished);
  return ReadPlaces(Output(finished, "show-server"), tool_.options().server);
}

void BarmanProvider::PrepareArchive(pg::Connection& /*source*/) {
  const base::Finished checked = tool_.Run("check");  // makes the folders; what else it finds may come right later
  const Places places = FindPlaces();
  std::error_code ignored;
  if (!fs::is_directory(places.incoming, ignored)) throw Failure(base::Code::kRepositoryUnusable, "check", checked);
}

Readiness BarmanProvider::Check(pg::Connection& source) {
  const Places places = FindPlaces();
  Readiness readiness = CheckArchiving(source, ArchiveCommand(places), [&](const std::string& command) {
    return command.find("barman") != std::string::npos || command.find(places.incoming.string()) != std::string::npos;
  });
  if (!places.archives) {
    readiness.problems.push_back({.text = "Barman does not take what the server archives",
                                  .remedy = fmt::format("set archiver = on for {}", tool_.options().server)});
  }
  const base::Json checks = Output(tool_.Run("check"), "check").value(tool_.options().server, base::Json::object());
  for (const auto& [name, result] : checks.items()) {
    if (result.value("status", "") == "OK") continue;
    readiness.problems.push_back({.text = fmt::format("barman check: {}: {}", name, result.value("hint", "")),
                                  .remedy = "see `barman check " + tool_.options().server + "`"});
  }
  return readiness;
}

Backup BarmanProvider::Take(pg::Connection& source, std::chrono::milliseconds deadline) {
  RequireArchiving(source, ArchiveCommand(FindPlaces()));
  // Barman takes no backup before a first segment has arrived; and this shows soon whether any does.
  const base::Finished switched = tool_.Run("switch-wal", {"--force", "--archive", "--archive-timeout", "60"});
  if (switched.exit != 0) throw Failure(base::Code::kArchiveStuck, "switch-wal", switched);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(deadline).count();
  const base::Finished made = tool_.Run("backup",
                                        {"--immediate-checkpoint", "--wait", "--wait-timeout", std::to_string(seconds),
                                         "--name", "switchback-" + base::RandomHex(4)},
                                        {}, deadline);
  if (made.exit != 0) throw Failure(base::Code::kBackupFailed, "backup", made);
  const std::string id = Output(made, "backup").value("backup_id", "");
  for (Backup& backup : List()) {
    if (backup.id == id) return std::move(backup);
  }
  throw Failure(base::Code::kBackupFailed, "backup", made);
}

std::vector<Backup> BarmanProvider::List() { return ReadCatalog(FindPlaces()); }

void BarmanProvider::Verify(const Backup& backup) {
  const base::Finished finished = tool_.Run("verify-backup", {}, {backup.id}, std::chrono::hours(12));
  if (finished.exit != 0) throw Failure(base::Code::kBackupCorrupt, "verify-backup", finished);
}

// Whether it worked shows when the checkpoint is asked whether it can be restored.
void BarmanProvider::Keep(const Backup& backup) {
  const base::Finished finished = tool_.Run("keep", {"--target", "full"}, {backup.id});
  if (finished.exit != 0) {
    base::Warn("barman does not keep {}, so its retention may remove it: {}", backup.id,
               Failure(base::Code::kBackupFailed, "keep", finished).detail());
  }
}

void BarmanProvider::Release(const Backup& backup) {
  const base::Finished finished = tool_.Run("keep", {"--release"}, {backup.id});
  if (finished.exit != 0) {
    base::Warn("barman still keeps {}: {}", backup.id, Failure(base::Code::kBackupFailed, "keep", finished).detail());
  }
}

bool BarmanProvider::Holds(const Places& places, const std::string& segment) const {
  std::error_code ignored;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!fs::exists(FileOf(places, segment), ignored)) {
    if (!fs::exists(places.incoming / segment, ignored) && !fs::exists(FileOf(places, segment), ignored)) return false;
    const base::Finished finished = tool_.Run("archive-wal");
    if (finished.exit != 0) throw Failure(base::Code::kArchiveStuck, "archive-wal", finished);
    if (std::chrono::steady_clock::now() > until) return false;
    // Another one may be at it, which ends this one at once.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

void BarmanProvider::AwaitArchived(pg::Connection& source, const std::string& segment,
                                   std::chrono::milliseconds deadline) {
  const Places places = FindPlaces();
  AwaitSegment({.holds = [&](const std::string& name) { return Holds(places, name); }, .name = places.wals.string()},
               source, segment, deadline);
}

Backup BarmanProvider::Chosen(const Places& places, const Point& point) const {
  const std::vector<Backup> backups = ReadCatalog(places);
  Backup backup = ChooseBackup(backups, point);
  CheckComplete(backup, point, places.wals.string(), [&](const std::string& segment) -> std::string {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(FileOf(places, segment), error);
    if (error) return error.message();
    return size > 0 ? "" : "it is empty";  // its size says no more: it may be compressed
  });
  return backup;
}

Backup BarmanProvider::Checked(const Places& places, const Point& point) const {
  Backup backup = Chosen(places, point);
  const sandbox::Workspace workspace("point");
  for (const std::string& segment : SegmentsOfPoint(point, backup.segment_bytes)) {
    if (const std::optional<std::string> content = tool_.Segment(segment)) {
      base::WriteFile(workspace.path() / segment, *content);
    }
  }
  CheckPoint(workspace.path(), backup, point);
  return backup;
}

void BarmanProvider::CheckRestorable(const Point& point) { Checked(FindPlaces(), point); }

// Without them the copy's tablespaces would be written to where those of the source are.
std::vector<std::string> BarmanProvider::Relocations(const Backup& backup, const fs::path& directory) const {
  const base::Finished shown = tool_.Run("show-backup", {}, {backup.id});
  if (shown.exit != 0) throw Failure(base::Code::kRestoreFailed, "show-backup", shown);
  const base::Json output = Output(shown, "show-backup");
  std::vector<std::string> flags;
  try {
    for (const base::Json& space : output.at(tool_.options().server).at("tablespaces")) {
      const std::string name = space.at("name");
      flags.insert(flags.end(), {"--tablespace", name + ":" + (directory / "tablespaces" / name).string()});
    }
  } catch (const base::Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "`barman show-backup` has another form than was expected")
        .Detail(error.what());
  }
  return flags;
}

RecoveryJob BarmanProvider::JobFor(const Places& places, const Backup& backup, const RestoreRequest& request,
                                   const std::vector<std::string>& recovery, const std::string& restore_command) const {
  std::vector<std::string> flags = Relocations(backup, fs::absolute(request.directory).lexically_normal());
  flags.insert(flags.end(), recovery.begin(), recovery.end());
  return {.backup = backup,
          .request = request,
          .binaries = sandbox::FindBinaries(backup.server_major),
          .account = sandbox::ServerAccount(places.home),
          .restore_command = restore_command,
          .pass = kEnvironment,
          .copy = [tool = tool_, flags, id = backup.id, deadline = request.deadline](const fs::path& data) {
            const base::Finished finished = tool.Run("recover", flags, {id, data.string()}, deadline);
            if (finished.exit != 0) throw Failure(base::Code::kRestoreFailed, "recover", finished);
          }};
}

std::unique_ptr<Restoration> BarmanProvider::StartRestore(const RestoreRequest& request) {
  const Places places = FindPlaces();
  const Backup backup = Checked(places, request.point);
  const Point& point = request.point;
  std::vector<std::string> flags = {point.name.empty() ? "--target-lsn" : "--target-name",
                                    point.name.empty() ? point.lsn.Text() : point.name,
                                    "--target-tli",
                                    std::to_string(point.timeline),
                                    "--target-action",
                                    "promote",
                                    "--no-get-wal"};
  if (point.name.empty()) flags.emplace_back("--exclusive");
  // Barman puts the segments there, beside the copy.
  RecoveryJob job = JobFor(places, backup, request, flags, "cp barman_wal/%f \"%p\"");
  job.tidy = [](const fs::path& data) { fs::remove_all(data / "barman_wal"); };
  return BeginRecovery(std::move(job));
}

// With --get-wal no segment comes with the copy: those behind the point must not be there yet.
std::unique_ptr<Follower> BarmanProvider::Follow(const RestoreRequest& request, const fs::path& source_wal) {
  const Places places = FindPlaces();
  const Backup backup = Chosen(places, request.point);
  return Follower::Start(JobFor(places, backup, request, {"--get-wal"}, SegmentCommand(tool_, places, backup)),
                         source_wal);
}

SegmentSource BarmanProvider::Segments() {
  return [tool = tool_, places = FindPlaces()](const std::string& segment, const fs::path& to) {
    const fs::path kept = IsSegmentName(segment) ? FileOf(places, segment) : places.wals / segment;
    for (const fs::path& file : {kept, places.incoming / segment}) {
      std::error_code missing;
      const std::uintmax_t size = fs::file_size(file, missing);
      if (missing) continue;
      // No compression ends at the length of a segment.
      constexpr std::uintmax_t kLeast = 1 << 20;
      if (size >= kLeast && std::has_single_bit(size)) {
        fs::create_symlink(file, to);
        return true;
      }
      const std::optional<std::string> content = tool.Segment(segment);
      if (!content) return false;
      base::WriteFile(to, *content);
      return true;
    }
    return false;
  };
}

void BarmanProvider::Discard(const Restored& restored) { DiscardServer(restored); }

}  // namespace backup::barman
