#include "backup/barman/catalog.h"

#include <fmt/core.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/file.h"

namespace backup::barman {
namespace {

namespace fs = std::filesystem;

std::map<std::string, std::string> Lines(const std::string& text) {
  std::map<std::string, std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (const std::size_t equals = line.find('='); equals != std::string::npos) {
      lines[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  return lines;
}

// The id of each backup with its file: up to 3.13.1 base/ID/backup.info, from then on meta/ID-backup.info.
std::map<std::string, fs::path> InfoFiles(const Places& places) {
  std::map<std::string, fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(places.backups, ignored)) {
    if (fs::exists(entry.path() / "backup.info", ignored)) {
      files[entry.path().filename().string()] = entry.path() / "backup.info";
    }
  }
  constexpr std::string_view kEnding = "-backup.info";
  for (const auto& entry : fs::directory_iterator(places.home / "meta", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(kEnding)) files[name.substr(0, name.size() - kEnding.size())] = entry.path();
  }
  return files;
}

}  // namespace

Places ReadPlaces(const base::Json& show_server, const std::string& server) {
  try {
    const base::Json& settings = show_server.at(server);
    return {.home = settings.at("backup_directory").get<std::string>(),
            .backups = settings.at("basebackups_directory").get<std::string>(),
            .wals = settings.at("wals_directory").get<std::string>(),
            .incoming = settings.at("incoming_wals_directory").get<std::string>(),
            .archives = settings.at("archiver")};
  } catch (const base::Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "`barman show-server` has another form than was expected")
        .Detail(error.what());
  }
}

base::Time ParseTimeWithOffset(const std::string& text) {
  constexpr std::size_t kSeconds = 19;  // "2026-11-23 04:13:33"
  constexpr std::size_t kOffset = 6;    // "+01:00"
  constexpr std::size_t kMicroseconds = 6;
  if (text.size() >= kSeconds + kOffset && text[text.size() - kOffset + 3] == ':') {
    const std::string offset = text.substr(text.size() - kOffset);
    std::string fraction = text.substr(kSeconds, text.size() - kOffset - kSeconds);
    if (fraction.empty()) fraction = ".";
    fraction.resize(1 + kMicroseconds, '0');
    const base::Time local = base::ParseTime(text.substr(0, 10) + "T" + text.substr(11, 8) + fraction + "Z");
    const std::chrono::minutes ahead(std::stoi(offset.substr(1, 2)) * 60 + std::stoi(offset.substr(4, 2)));
    if (offset[0] == '+') return local - ahead;
    if (offset[0] == '-') return local + ahead;
  }
  throw base::Error(base::Code::kBadJson, fmt::format("\"{}\" is no time with an offset", text));
}

std::optional<Backup> ReadBackupInfo(const std::string& id, const std::string& text) {
  std::map<std::string, std::string> lines = Lines(text);
  if (lines["status"] != "DONE" || lines["systemid"].empty() || lines["systemid"] == "None") return std::nullopt;
  try {
    constexpr int kMajor = 10000;
    const base::Time end = ParseTimeWithOffset(lines["end_time"]);
    return Backup{
        .id = id,
        .system_identifier = lines["systemid"],
        .timeline = static_cast<std::uint32_t>(std::stoul(lines["timeline"])),
        .start = Lsn::Parse(lines["begin_xlog"]),
        .end = Lsn::Parse(lines["end_xlog"]),
        .segment_bytes = std::stoull(lines["xlog_segment_size"]),
        .server_major = std::stoi(lines["version"]) / kMajor,
        .taken = end,
        .bytes = std::stoll(lines["size"]),
        .took = std::chrono::duration_cast<std::chrono::milliseconds>(end - ParseTimeWithOffset(lines["begin_time"]))};
  } catch (const std::logic_error&) {  // what is no number
    throw base::Error(base::Code::kBadJson, fmt::format("the backup.info of {} is broken", id));
  }
}

std::vector<Backup> ReadCatalog(const Places& places) {
  std::vector<Backup> backups;
  for (const auto& [id, file] : InfoFiles(places)) {
    if (std::optional<Backup> backup = ReadBackupInfo(id, base::ReadFile(file))) backups.push_back(std::move(*backup));
  }
  std::ranges::stable_sort(backups, {}, &Backup::taken);
  return backups;
}

}  // namespace backup::barman
