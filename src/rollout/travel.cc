#include "rollout/travel.h"

#include <fmt/core.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "journal/mirror.h"
#include "rollout/plan_file.h"

namespace rollout {

std::optional<std::string> RecordedCheckpoint(const std::filesystem::path& state, const journal::Journal& journal) {
  const std::string recorded = checkpoint::RecordedDigest(journal);
  if (recorded.empty()) return std::nullopt;
  std::optional<std::string> text = checkpoint::TextInForce(state);
  if (!text || base::ParseJson(*text, kCheckpointName).value("digest", "") != recorded) return std::nullopt;
  return text;
}

void FetchCheckpoint(pg::Connection& connection, const std::string& release, const journal::Journal& journal,
                     const std::filesystem::path& state) {
  const std::string recorded = checkpoint::RecordedDigest(journal);
  if (recorded.empty() || RecordedCheckpoint(state, journal)) return;
  const auto text = journal::LoadFile(connection, release, kCheckpointName);
  if (!text) return;
  const auto theirs = checkpoint::FromJson(base::ParseJson(*text, fmt::format("the database's {}", kCheckpointName)));
  if (checkpoint::DigestOf(theirs) == recorded) checkpoint::Write(state, theirs);
}

Known LookAnyhow(const std::optional<pg::ConnectOptions>& server, const release::Release& release,
                 const std::filesystem::path& state) {
  Known known{journal::Journal::Open(state), LoadPlan(release)};
  if (!server) return known;
  try {
    pg::Connection connection = pg::Connection::Open(*server);
    if (!journal::SchemaInstalled(connection)) return known;
    known.journal.Follow(journal::MirroredLines(connection, release.name));
    known.plan = FindPlan(release, known.journal, &connection);
    journal::KeepKeys(state, journal::ReadRunners(connection));
    FetchCheckpoint(connection, release.name, known.journal, state);
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kJournalForked || error.code() == base::Code::kJournalBroken) throw;
    // It does not answer: who needs more of it than this asks again, and says why.
  }
  return known;
}

}  // namespace rollout
