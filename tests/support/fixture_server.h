#pragma once

#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace test {

// A server with the settings that tests may rely on (wal_level logical, slots, no archiving), inside `workspace`,
// started.
sandbox::Server StartFixtureServer(const sandbox::Workspace& workspace);

}  // namespace test
