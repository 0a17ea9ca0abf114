#pragma once

#include <libpq-fe.h>

#include <string>

#include "base/error.h"

namespace pg {

// How libpq's and the server's failures become base::Error.

// The code of a SQLSTATE; an empty one means that no server answered.
base::Code CodeOf(const std::string& sqlstate);

// The error of a failed statement: the server's message, detail, hint, context, and a caret under the place in
// `statement`. Values of rows are left out of it, and what functions say by RAISE, unless they are to be shown.
base::Error StatementError(const PGresult* result, const std::string& statement);

// Whether the server ends the session with this error (FATAL, PANIC).
bool EndsSession(const PGresult* result);

// The line of `statement` in which the character `position` (from 1) stands, with a caret below it, for a terminal.
std::string Caret(const std::string& statement, int position);

// The error of a connection that could not be made. `connection` must have been made with PQERRORS_VERBOSE: libpq gives
// the SQLSTATE of a refused login in no other way.
base::Error ConnectError(PGconn* connection, const std::string& redacted);

}  // namespace pg
