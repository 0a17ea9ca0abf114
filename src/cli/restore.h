#pragma once

#include <vector>

#include "cli/command.h"

namespace cli {

// The way back `restore`: a new server from the checkpoint of RELEASE, beside the old one.
Outcome RestoreBeside(const Invocation& invocation);

// Its options that `rollback --way restore` takes as well.
std::vector<Option> RestoreOptions();

}  // namespace cli
