#pragma once

#include <filesystem>

#include "base/json.h"

namespace cli {

// Who asks for what, for the journal: {user, host, job (its address, or the name of the system; absent where it is a
// person), commit (that the checkout is at; absent without Git), clean (whether the release is as it is there)}. Throws
// nothing.
base::Json WhoAsks(const std::filesystem::path& release);

}  // namespace cli
