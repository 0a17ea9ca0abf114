#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backup/provider.h"
#include "base/json.h"

// What Barman keeps on this machine about one server.
namespace backup::barman {

// Where it lies, as `barman show-server` says.
struct Places {
  std::filesystem::path home;      // of the server: identity, base, wals
  std::filesystem::path backups;   // a folder for each
  std::filesystem::path wals;      // folders by the first 16 digits of a segment's name
  std::filesystem::path incoming;  // where archive_command writes to
  bool archives = true;            // it takes what the server's archive_command brings
};
// Throws kBadJson.
Places ReadPlaces(const base::Json& show_server, const std::string& server);

// "key=value" lines of a backup.info. Nothing: not complete, or not one to restore from.
std::optional<Backup> ReadBackupInfo(const std::string& id, const std::string& text);

// "2026-11-23 04:13:33.660205+01:00": with any offset, seconds with or without a fraction. Throws kBadJson.
base::Time ParseTimeWithOffset(const std::string& text);

// Complete backups, oldest first.
std::vector<Backup> ReadCatalog(const Places& places);

}  // namespace backup::barman
