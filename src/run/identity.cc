#include "run/identity.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/host.h"
#include "journal/mirror.h"
#include "journal/position.h"
#include "pg/transaction.h"
#include "run/own.h"
#include "run/rewind.h"
#include "run/sql_text.h"

namespace run {
namespace {

void CheckSame(const std::string& what, const std::string& began, const std::string& now) {
  if (began == now) return;
  throw base::Error(base::Code::kOtherInputs, fmt::format("the release began with another {}", what))
      .Detail(fmt::format("it began with {}, and meets {}", began, now));
}

// A server that was promoted goes on with the release only where its history holds all that was done of it.
void CheckFailover(pg::Connection& connection, const Session& session, std::int64_t before, std::int64_t now) {
  const auto other = [&](const std::string& why) {
    return base::Error(base::Code::kOtherInputs,
                       fmt::format("the release is on timeline {}, and the server on {}: {}", before, now, why));
  };
  if (("\n" + History(connection, now)).find(fmt::format("\n{}\t", before)) == std::string::npos) {
    throw other("the server's history does not hold that timeline");
  }
  std::int64_t last = 0;
  std::string step;
  for (const journal::Event& event : session.journal.events()) {
    if (event.kind != "outcome" || event.body.value("intent", std::int64_t{0}) <= last) continue;
    last = event.body.at("intent");
    step = event.body.at("step");
  }
  const auto mirrored = static_cast<std::int64_t>(journal::MirroredLines(connection, session.plan.release).size());
  if (last <= mirrored) return;
  throw other(fmt::format("the server left it before step {} was done", step))
      .Detail(fmt::format("the journal has {} lines up to that step, its mirror on this server {}", last, mirrored))
      .Hint("The standby was behind when it was promoted. Restore to the checkpoint with `switchback restore`.");
}

base::Json ClaimsOf(const Session& session) {
  const plan::Plan& plan = session.plan;
  const bool purges = !plan.steps.empty() && plan.steps.back().phase == plan::Phase::kPurge;
  return {{"tables", plan::ToJson(plan.claims)},
          {"last", plan.steps.empty() ? "" : plan.steps.back().id},
          {"purges", purges},
          {"window_ms", session.rollback_window.count()}};
}

}  // namespace

Identity ReadIdentity(pg::Connection& connection) {
  const auto row = connection.Exec(std::string(sql_text::kIdentity));
  return {row.Text(0, 0), row.Int(0, 1), row.Text(0, 2)};
}

void EnterRelease(pg::Connection& connection, const Session& session) {
  journal::InstallSchema(connection);
  const std::vector<std::string> mirrored = journal::MirroredLines(connection, session.plan.release);
  session.journal.Follow(mirrored);
  SeeRewind(connection, session.journal, mirrored.size());
  const Identity identity = ReadIdentity(connection);
  const plan::Plan& plan = session.plan;
  if (const std::optional<journal::Ending> ending = journal::ReadEnding(connection, plan.release, plan.digest)) {
    throw base::Error(base::Code::kReleaseClosed,
                      fmt::format("the release {} was ended with this plan, {}", plan.release, ending->ended))
        .Detail(fmt::format("at {}", ending->at));
  }
  const journal::Event* opened = session.journal.Last("opened");
  if (opened != nullptr && journal::Closed(session.journal.events()) != nullptr) opened = nullptr;
  std::int64_t before = identity.timeline;
  if (opened != nullptr) {
    CheckSame("database", opened->body.at("system_identifier"), identity.system_identifier);
    CheckSame("database", opened->body.at("database"), identity.database);
    before = TimelineOf(session.journal, *opened);
    if (before != identity.timeline) CheckFailover(connection, session, before, identity.timeline);
    if (opened->body.at("plan") != plan.digest && !journal::NothingDone(session.journal.events())) {
      CheckSame("plan", opened->body.at("plan"), plan.digest);
    }
  }
  pg::Transaction transaction(connection);
  MarkAsOwn(connection, session.tag_secret, {.release = plan.release});
  journal::EnterRelease(connection,
                        {plan.release, plan.digest, identity.system_identifier, plan.hex, ClaimsOf(session)});
  for (const auto& [name, text] : session.texts) journal::StoreFile(connection, plan.release, name, text);
  base::Failpoint(base::FailpointId::kRunBeforeEnter);
  transaction.Commit();
  base::Failpoint(base::FailpointId::kRunAfterEnter);
  const bool known = opened != nullptr && opened->body.at("plan") == plan.digest;  // Append moves the events
  if (before != identity.timeline) {
    session.journal.Append("timeline", {{"before", before}, {"now", identity.timeline}});
  }
  if (known) return;
  session.journal.Append("opened", {{"release", plan.release},
                                    {"plan", plan.digest},
                                    {"system_identifier", identity.system_identifier},
                                    {"database", identity.database},
                                    {"timeline", identity.timeline},
                                    {"host", base::HostName()},
                                    {"version", session.program_version},
                                    {"environment", session.environment},
                                    {"files", session.files}});
}

}  // namespace run
