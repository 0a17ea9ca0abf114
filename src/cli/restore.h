#pragma once

#include <vector>

#include "cli/command.h"

namespace cli {

// The way back `restore`: a new server from the checkpoint of RELEASE, beside the old one.
Outcome RestoreBeside(const Invocation& invocation);

// The options that it reads.
std::vector<Option> RestoreOptions();

}  // namespace cli
