#pragma once

#include <exception>
#include <string>

#include "base/error.h"
#include "cli/command.h"
#include "cli/spelling.h"

// What a run of the program prints: text for people, or the one JSON envelope. Commands in it are spelled for whoever
// reads it.
namespace render {

// {switchback, command, release, environment, database, host, ok, exit, result, error, next}; a result or an error, the
// other one null.
base::Json Envelope(const std::string& command, const cli::Invocation& invocation, const cli::Outcome& outcome,
                    const cli::Spelling& spelling);
base::Json Envelope(const std::string& command, const cli::Invocation& invocation, const base::Error& error,
                    base::Exit exit, const cli::Spelling& spelling);

// As text; bytes that are no UTF-8 (file names, database text) are replaced.
std::string Text(const base::Json& envelope);
// With the heading, where it was not told before.
std::string Text(const cli::Invocation& invocation, const cli::Outcome& outcome, const cli::Spelling& spelling);

}  // namespace render
