#pragma once

#include <string>
#include <vector>

#include "journal/journal.h"
#include "pg/connection.h"
#include "plan/plan.h"
#include "proof/unseen.h"

namespace recover {

// A server whose schema is looked at, with its tables as proof::ReadStored gives them.
struct SchemaOf {
  pg::Connection& server;
  const proof::StoredTables& tables;
};

// DDL since the restore point that is not the release's, and that a salvage does not repeat, a sentence each: how the
// old server differs from the restored one, the tables of the release left out; and how these differ from what its last
// step left, unless one is open.
std::vector<std::string> Unrepeated(const SchemaOf& restored, const SchemaOf& old_server, const plan::Plan& plan,
                                    const journal::Journal& journal);

}  // namespace recover
