#pragma once

#include <string>

#include "cli/command.h"

namespace cli {

// "switchback plan RELEASE [--json]".
std::string UsageLine(const Command& command);
// For --help, without a trailing newline.
std::string HelpText(const Command& command);
// Of the program as a whole.
std::string HelpText();
// docs/reference.md.
std::string ReferenceMarkdown();

}  // namespace cli
