#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "journal/journal.h"
#include "pg/connection.h"
#include "plan/plan.h"
#include "release/release.h"

// What a checkout needs of a release that another checkout began.
namespace rollout {

inline constexpr const char* kCheckpointName = "checkpoint.json";

// The checkout's checkpoint.json, where it is the one that the journal speaks of last; nothing: it has not that one.
std::optional<std::string> RecordedCheckpoint(const std::filesystem::path& state, const journal::Journal& journal);

// Takes it from the database, where this checkout has not the one that the journal speaks of and the database has. Its
// digest, which the journal holds, decides. Throws kBadJson, kCheckpointBroken, kFileWrite.
void FetchCheckpoint(pg::Connection& connection, const std::string& release, const journal::Journal& journal,
                     const std::filesystem::path& state);

// What there is of a release whose server may be down: then it is what this checkout has.
struct Known {
  journal::Journal journal;
  std::optional<plan::Plan> plan;
};
Known LookAnyhow(const std::optional<pg::ConnectOptions>& server, const release::Release& release,
                 const std::filesystem::path& state);

}  // namespace rollout
