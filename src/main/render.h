#pragma once

#include <exception>
#include <string>

#include "base/error.h"
#include "cli/command.h"

// What a run of the program prints: text for people, or the one JSON envelope.
namespace render {

// {switchback, command, release, environment, ok, exit, result, error, next}; a result or an error, the other one null.
base::Json Envelope(const std::string& command, const cli::Invocation& invocation, const cli::Outcome& outcome);
base::Json Envelope(const std::string& command, const cli::Invocation& invocation, const base::Error& error,
                    base::Exit exit);

// As text; bytes that are no UTF-8 (file names, database text) are replaced.
std::string Text(const base::Json& envelope);
std::string Text(const cli::Outcome& outcome);

}  // namespace render
