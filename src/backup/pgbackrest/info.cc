#include "backup/pgbackrest/info.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/error.h"

namespace backup::pgbackrest {
namespace {

using base::Json;

// Codes of a repository's status that leave it usable.
constexpr int kOk = 0;
constexpr int kNoBackups = 2;

[[noreturn]] void Unusable(const std::string& stanza, const std::string& why) {
  throw base::Error(base::Code::kRepositoryUnusable,
                    fmt::format("pgBackRest's stanza {} cannot be used: {}", stanza, why))
      .Hint("Make it with `pgbackrest stanza-create`, or `switchback init --apply`.");
}

// A server's history within a stanza: an upgrade, or another server under its name, begins a new one.
const Json* OfDatabase(const Json& list, const Json& database) {
  const auto found = std::ranges::find_if(list, [&](const Json& each) {
    const Json& key = each.contains("database") ? each.at("database") : each;
    return key.at("id") == database.at("id") && key.at("repo-key") == database.at("repo-key");
  });
  return found == list.end() ? nullptr : &*found;
}

base::Time TimeOf(const Json& epoch) { return base::Time(std::chrono::seconds(epoch.get<std::int64_t>())); }

// Nothing: it cannot be restored from.
std::optional<BackupSet> ReadSet(const Json& set, const Json& stanza) {
  const bool faulty = set.at("error").is_boolean() && set.at("error").get<bool>();
  const Json* database = OfDatabase(stanza.at("db"), set.at("database"));
  const Json* archive = OfDatabase(stanza.at("archive"), set.at("database"));
  const bool offline = !set.contains("lsn") || !set.at("lsn").at("stop").is_string();
  if (faulty || offline || database == nullptr || archive == nullptr) return std::nullopt;
  const std::string first = set.at("archive").at("start");
  constexpr std::size_t kTimeline = 8;
  constexpr int kHex = 16;
  BackupSet read;
  read.backup.id = set.at("label");
  read.backup.system_identifier = std::to_string(database->at("system-id").get<std::uint64_t>());
  // The timeline may have changed while it was taken; what counts is where it ends.
  read.backup.timeline = static_cast<std::uint32_t>(
      std::stoul(set.at("archive").at("stop").get<std::string>().substr(0, kTimeline), nullptr, kHex));
  read.backup.start = Lsn::Parse(set.at("lsn").at("start").get<std::string>());
  read.backup.end = Lsn::Parse(set.at("lsn").at("stop").get<std::string>());
  read.backup.segment_bytes = SegmentBytesOf(first, read.backup.start);
  read.backup.server_major = std::stoi(database->at("version").get<std::string>());
  read.backup.taken = TimeOf(set.at("timestamp").at("stop"));
  read.backup.bytes = set.at("info").at("size");
  read.backup.took = std::chrono::duration_cast<std::chrono::milliseconds>(read.backup.taken -
                                                                           TimeOf(set.at("timestamp").at("start")));
  read.archive = archive->at("id");
  if (set.contains("annotation")) read.mark = set.at("annotation").value("switchback", "");
  return read;
}

StanzaInfo ReadStanza(const Json& stanza, const std::string& name, int repository) {
  const Json& repositories = stanza.at("repo");
  const auto found = std::ranges::find_if(repositories, [&](const Json& each) { return each.at("key") == repository; });
  if (found == repositories.end()) Unusable(name, fmt::format("there is no repository {}", repository));
  const int code = found->at("status").at("code");
  if (code != kOk && code != kNoBackups) Unusable(name, found->at("status").at("message"));
  StanzaInfo info;
  for (const Json& set : stanza.at("backup")) {
    if (set.at("database").at("repo-key") != repository) continue;
    if (std::optional<BackupSet> read = ReadSet(set, stanza)) info.sets.push_back(std::move(*read));
  }
  std::ranges::stable_sort(info.sets, {}, [](const BackupSet& set) { return set.backup.taken; });
  int newest = 0;
  for (const Json& archive : stanza.at("archive")) {
    const Json& key = archive.at("database");
    if (key.at("repo-key") != repository || key.at("id").get<int>() < newest) continue;
    newest = key.at("id");
    info.archive = archive.at("id");
  }
  return info;
}

}  // namespace

StanzaInfo ReadInfo(const Json& info, const std::string& stanza, int repository) {
  try {
    for (const Json& each : info) {
      if (each.at("name") == stanza) return ReadStanza(each, stanza, repository);
    }
  } catch (const Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "`pgbackrest info` has another form than was expected")
        .Detail(error.what());
  }
  Unusable(stanza, "there is none of that name");
}

}  // namespace backup::pgbackrest
