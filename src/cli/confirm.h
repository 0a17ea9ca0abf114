#pragma once

#include <string>

#include "cli/command.h"
#include "cli/context.h"

namespace cli {

Option YesOption();

// Asks on the terminal for the release's name, where the environment is protected and --yes was not given. `what` is
// about to happen, a noun. Throws kNotConfirmed where another name is typed, or there is no terminal: nothing was done
// then, and nothing connected to.
void Confirm(Context& context, const std::string& what);

}  // namespace cli
