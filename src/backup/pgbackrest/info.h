#pragma once

#include <string>
#include <vector>

#include "backup/provider.h"
#include "base/json.h"

// What `pgbackrest info --output=json` tells of one stanza in one repository.
namespace backup::pgbackrest {

struct BackupSet {
  Backup backup;
  std::string archive;  // the folder of the archive that its WAL is in: "15-1"
  std::string mark;     // its annotation `switchback`; empty: it has none
};

struct StanzaInfo {
  std::vector<BackupSet> sets;  // usable ones, oldest first; what the tool found faulty is left out
  std::string archive;          // of the server as it is now; empty: not known
};

// Throws kRepositoryUnusable where the stanza or the repository is not as it must be, kBadJson.
StanzaInfo ReadInfo(const base::Json& info, const std::string& stanza, int repository);

}  // namespace backup::pgbackrest
