#pragma once

#include "cli/command.h"

namespace cli {

#define SB_COMMAND(name) Command name();
#include "cli/commands.def"
#undef SB_COMMAND

}  // namespace cli
