#pragma once

#include <map>
#include <string>

#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace test {

// A server with the settings that tests may rely on (wal_level logical, slots, no archiving), inside `workspace`,
// started; `more` settings win.
sandbox::Server StartFixtureServer(const sandbox::Workspace& workspace,
                                   const std::map<std::string, std::string>& more = {});

}  // namespace test
