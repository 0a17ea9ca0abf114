#include "backup/provider.h"

#include <fmt/core.h>

#include <thread>

#include "backup/follower.h"
#include "base/long_work.h"

namespace backup {
namespace {

// Why a backup cannot serve this point; empty: it can.
std::string WhyNot(const Backup& backup, const Point& point) {
  if (backup.system_identifier != point.system_identifier) return "is of another server";
  if (backup.timeline != point.timeline) return fmt::format("is on timeline {}", backup.timeline);
  if (backup.end >= point.lsn) return fmt::format("ends only at {}", backup.end.Text());
  return {};
}

}  // namespace

base::Json ToJson(const Backup& backup) {
  return {{"id", backup.id},
          {"system_identifier", backup.system_identifier},
          {"timeline", backup.timeline},
          {"start_lsn", backup.start.Text()},
          {"end_lsn", backup.end.Text()},
          {"segment_bytes", backup.segment_bytes},
          {"server_major", backup.server_major},
          {"taken", base::FormatTime(backup.taken)},
          {"bytes", backup.bytes},
          {"took_ms", backup.took.count()}};
}

Backup BackupFromJson(const base::Json& json) {
  try {
    return {.id = json.at("id"),
            .system_identifier = json.at("system_identifier"),
            .timeline = json.at("timeline"),
            .start = Lsn::Parse(json.at("start_lsn").get<std::string>()),
            .end = Lsn::Parse(json.at("end_lsn").get<std::string>()),
            .segment_bytes = json.at("segment_bytes"),
            .server_major = json.at("server_major"),
            .taken = base::ParseTime(json.at("taken").get<std::string>()),
            .bytes = json.at("bytes"),
            .took = std::chrono::milliseconds(json.at("took_ms").get<std::int64_t>())};
  } catch (const base::Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "a backup's description is broken").Detail(error.what());
  }
}

const Backup& ChooseBackup(const std::vector<Backup>& backups, const Point& point) {
  const Backup* chosen = nullptr;
  std::string reasons;
  for (const Backup& backup : backups) {
    if (const std::string reason = WhyNot(backup, point); !reason.empty()) {
      reasons += fmt::format("{}{} {}", reasons.empty() ? "" : "; ", backup.id, reason);
    } else if (chosen == nullptr || chosen->end < backup.end) {
      chosen = &backup;
    }
  }
  if (chosen != nullptr) return *chosen;
  throw base::Error(base::Code::kNoBackupForPoint,
                    fmt::format("no backup ends before {} on timeline {}", point.lsn.Text(), point.timeline))
      .Detail(reasons.empty() ? "there is no backup at all" : reasons);
}

std::unique_ptr<Follower> BackupProvider::Follow(const RestoreRequest& /*request*/,
                                                 const std::filesystem::path& /*wal*/) {
  return nullptr;
}

Restored Await(Restoration& restoration, const std::function<void(const std::string&)>& tell) {
  std::string told;
  base::LongWork work("restoring");
  while (true) {
    const Progress progress = restoration.Poll();
    if (progress.state == Progress::State::kFailed) throw *progress.error;
    if (progress.state == Progress::State::kDone) return *progress.restored;
    if (progress.text != told) {
      told = progress.text;
      work.Next(told);
      if (tell) tell(told);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void FinishSegment(pg::Connection& source, BackupProvider& provider, std::chrono::milliseconds deadline) {
  // Where nothing was written since the last one ended, this is where that one did.
  const pg::Result ended = source.Query("SELECT pg_walfile_name(pg_switch_wal())");
  provider.AwaitArchived(source, ended.Text(0, 0), deadline);
}

}  // namespace backup
