#include "backup/pgbackrest/pgbackrest.h"

#include <fmt/core.h>

#include <algorithm>

#include "backup/archiver.h"
#include "backup/follower.h"
#include "backup/pgbackrest/archive.h"
#include "backup/recovery.h"
#include "base/digest.h"
#include "base/json.h"
#include "sandbox/server.h"

namespace backup::pgbackrest {
namespace {

namespace fs = std::filesystem;

std::vector<Backup> BackupsOf(const StanzaInfo& info) {
  std::vector<Backup> backups;
  for (const BackupSet& set : info.sets) backups.push_back(set.backup);
  return backups;
}

std::vector<std::string> RestoreArguments(const Backup& backup, const Point& point, const fs::path& data) {
  return {// Without its label the tool takes the newest backup for a point by name, be it younger than the point.
          "--set=" + backup.id, "--pg1-path=" + data.string(), "--archive-mode=off",
          // Nothing outside the new directory is written: what the source has elsewhere comes to lie in it.
          "--no-link-all", "--tablespace-map-all=" + (data.parent_path() / "tablespaces").string(), "--no-delta",
          fmt::format("--target-timeline={}", point.timeline)};
}

std::vector<std::string> EndAt(const Point& point) {
  std::vector<std::string> arguments = {point.name.empty() ? "--type=lsn" : "--type=name",
                                        "--target=" + (point.name.empty() ? point.lsn.Text() : point.name),
                                        "--target-action=promote"};
  if (point.name.empty()) arguments.emplace_back("--target-exclusive");
  return arguments;
}

// `end`: the tool's arguments that say where recovery ends.
RecoveryJob JobFor(const Tool& tool, const Backup& backup, const RestoreRequest& request,
                   const std::vector<std::string>& end) {
  const fs::path data = fs::absolute(request.directory).lexically_normal() / "data";
  return {.backup = backup,
          .request = request,
          .binaries = sandbox::FindBinaries(backup.server_major),
          .account = tool.account(),
          // Not asynchronously: its spool and lock would be those of the source's archive-push.
          .restore_command =
              tool.SettingLine("archive-get", {"--pg1-path=" + data.string(), "--no-archive-async"}, "%f \"%p\""),
          .pass = kEnvironment,
          .copy = [tool, backup, request, end](const fs::path& to) {
            std::vector<std::string> arguments = RestoreArguments(backup, request.point, to);
            arguments.insert(arguments.end(), end.begin(), end.end());
            const base::Finished finished = tool.Run("restore", arguments, request.deadline);
            if (finished.exit == 0) return;
            const bool corrupt = finished.exit == kChecksum;
            const bool gone = finished.exit == kBackupSetInvalid;
            throw Failure(corrupt ? base::Code::kBackupCorrupt
                          : gone  ? base::Code::kNoBackupForPoint
                                  : base::Code::kRestoreFailed,
                          "restore", finished);
          }};
}

}  // namespace

StanzaInfo PgBackRestProvider::Info() const {
  const base::Finished finished = tool_.Run("info", {"--output=json"});
  if (finished.exit != 0) throw Failure(base::Code::kRepositoryUnusable, "info", finished);
  return ReadInfo(base::ParseJson(finished.out, "the output of pgbackrest info"), tool_.options().stanza,
                  tool_.options().repository);
}

std::string PgBackRestProvider::ArchiveCommand() const { return tool_.SettingLine("archive-push", {}, "%p"); }

void PgBackRestProvider::PrepareArchive(pg::Connection& /*source*/) {
  const base::Finished finished = tool_.Run("stanza-create");
  if (finished.exit != 0) throw Failure(base::Code::kRepositoryUnusable, "stanza-create", finished);
}

Readiness PgBackRestProvider::Check(pg::Connection& source) {
  Readiness readiness = CheckArchiving(source, ArchiveCommand(), [&](const std::string& command) {
    return command.find("pgbackrest") != std::string::npos && command.find("archive-push") != std::string::npos &&
           command.find(tool_.options().stanza) != std::string::npos;
  });
  try {
    Info();
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kRepositoryUnusable) throw;
    readiness.problems.push_back({.text = error.message(), .remedy = error.hint()});
  }
  return readiness;
}

Backup PgBackRestProvider::Take(pg::Connection& source, std::chrono::milliseconds deadline) {
  RequireArchiving(source, ArchiveCommand());
  const base::Finished checked = tool_.Run("check");
  if (checked.exit != 0) throw Failure(base::Code::kRepositoryUnusable, "check", checked);
  const std::string mark = base::RandomHex(8);
  // Only the tool's owner decides what it expires: a backup that another release needs must not go because of this one.
  const base::Finished made = tool_.Run(
      "backup", {"--type=incr", "--start-fast", "--no-expire-auto", "--annotation=switchback=" + mark}, deadline);
  if (made.exit != 0) throw Failure(base::Code::kBackupFailed, "backup", made);
  for (const BackupSet& set : Info().sets) {
    if (set.mark == mark) return set.backup;
  }
  throw base::Error(base::Code::kBackupCorrupt, "pgbackrest made a backup that it does not list as usable")
      .Detail(made.out + made.err);
}

std::vector<Backup> PgBackRestProvider::List() { return BackupsOf(Info()); }

void PgBackRestProvider::Verify(const Backup& backup) {
  const base::Finished finished =
      tool_.Run("verify", {"--set=" + backup.id, "--output=text", "--verbose"}, std::chrono::hours(12));
  if (finished.exit != 0) throw Failure(base::Code::kBackupCorrupt, "verify", finished);
  // It ends with 0 whatever it finds.
  if (finished.out.find(fmt::format("backup: {}, status: valid,", backup.id)) != std::string::npos) return;
  throw base::Error(base::Code::kBackupCorrupt, fmt::format("pgbackrest verify does not call {} valid", backup.id))
      .Detail(finished.out + finished.err);
}

void PgBackRestProvider::AwaitArchived(pg::Connection& source, const std::string& segment,
                                       std::chrono::milliseconds deadline) {
  const std::string archive = Info().archive;
  AwaitSegment({.holds = [&](const std::string& name) { return SegmentList(tool_, archive).Holds(name); },
                .name = SegmentList(tool_, archive).Name()},
               source, segment, deadline);
}

Backup PgBackRestProvider::Chosen(const Point& point) const {
  const StanzaInfo info = Info();
  const std::vector<Backup> backups = BackupsOf(info);
  const Backup& chosen = ChooseBackup(backups, point);
  const BackupSet& set = *std::ranges::find(info.sets, chosen.id,
                                            [](const BackupSet& each) -> const std::string& { return each.backup.id; });
  SegmentList segments(tool_, set.archive);
  CheckComplete(set.backup, point, segments.Name(), [&](const std::string& segment) -> std::string {
    return segments.Holds(segment) ? "" : "pgbackrest repo-ls does not show it";
  });
  return set.backup;
}

Backup PgBackRestProvider::Checked(const Point& point) const {
  Backup backup = Chosen(point);
  CheckPointInArchive(tool_, backup, point);
  return backup;
}

void PgBackRestProvider::CheckRestorable(const Point& point) { Checked(point); }

std::unique_ptr<Restoration> PgBackRestProvider::StartRestore(const RestoreRequest& request) {
  return BeginRecovery(JobFor(tool_, Checked(request.point), request, EndAt(request.point)));
}

std::unique_ptr<Follower> PgBackRestProvider::Follow(const RestoreRequest& request, const fs::path& source_wal) {
  return Follower::Start(JobFor(tool_, Chosen(request.point), request, {"--type=standby"}), source_wal);
}

SegmentSource PgBackRestProvider::Segments() {
  return [tool = tool_](const std::string& segment, const fs::path& to) { return FetchSegment(tool, segment, to); };
}

void PgBackRestProvider::Discard(const Restored& restored) { DiscardServer(restored); }

}  // namespace backup::pgbackrest
