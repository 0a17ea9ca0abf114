#include "run/identity.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/host.h"
#include "journal/mirror.h"
#include "journal/position.h"
#include "pg/transaction.h"
#include "run/own.h"
#include "run/sql_text.h"

namespace run {
namespace {

void CheckSame(const std::string& what, const std::string& began, const std::string& now) {
  if (began == now) return;
  throw base::Error(base::Code::kOtherInputs, fmt::format("the release began with another {}", what))
      .Detail(fmt::format("it began with {}, and meets {}", began, now));
}

}  // namespace

Identity ReadIdentity(pg::Connection& connection) {
  const auto row = connection.Exec(std::string(sql_text::kIdentity));
  return {row.Text(0, 0), row.Int(0, 1), row.Text(0, 2)};
}

void EnterRelease(pg::Connection& connection, const Session& session) {
  journal::InstallSchema(connection);
  const Identity identity = ReadIdentity(connection);
  const plan::Plan& plan = session.plan;
  const journal::Event* opened = session.journal.Last("opened");
  if (opened != nullptr) {
    CheckSame("database", opened->body.at("system_identifier"), identity.system_identifier);
    CheckSame("database", opened->body.at("database"), identity.database);
    CheckSame("timeline", std::to_string(opened->body.at("timeline").get<std::int64_t>()),
              std::to_string(identity.timeline));
    if (opened->body.at("plan") != plan.digest && !journal::NothingDone(session.journal.events())) {
      CheckSame("plan", opened->body.at("plan"), plan.digest);
    }
  }
  pg::Transaction transaction(connection);
  MarkAsOwn(connection, session.tag_secret, plan.release);
  journal::EnterRelease(connection, {plan.release, plan.digest, identity.system_identifier, plan.hex});
  transaction.Commit();
  if (opened != nullptr && opened->body.at("plan") == plan.digest) return;
  session.journal.Append("opened", {{"release", plan.release},
                                    {"plan", plan.digest},
                                    {"system_identifier", identity.system_identifier},
                                    {"database", identity.database},
                                    {"timeline", identity.timeline},
                                    {"host", base::HostName()},
                                    {"version", session.program_version}});
}

}  // namespace run
