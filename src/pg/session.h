#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.h"

// The settings of this program's own sessions. A role, a database or the server may set any of them otherwise; whatever
// changes what a statement means, what a value looks like or whether a transaction may write is pinned, in one place.
// session_pgtest.cc walks the server's settings: one that is neither here nor known as harmless fails it.
namespace pg {

enum class Pin {
  kAtStart,     // in the startup packet: any role may set it, and all supported versions know it
  kWhereKnown,  // as kAtStart, but not all versions know it: SET where the server does
  kCompared,    // not every role may set it: SET where it differs, refused where that is not allowed
};

struct Setting {
  std::string_view name;
  std::string_view value;
  Pin pin = Pin::kAtStart;
};

// Not among them, and pinned by SET: search_path, whose former value is the author's; statement_timeout and
// lock_timeout of the connection's options.
[[nodiscard]] std::span<const Setting> PinnedSettings();

// The startup option that pins what any role may set, in the syntax of PGOPTIONS: `own`, then the pins, so that those
// count. For this program's sessions, and by PGOPTIONS for a child that has a connection string of its own.
[[nodiscard]] std::string StartupOptions(const std::string& own);

// SET clauses of a function that runs in sessions of others and whose value must not depend on them: what a value looks
// like and a text means are as here, the configuration of text search is that of who creates it.
[[nodiscard]] std::string FunctionPins();

// SET for a session's kWhereKnown and search_path; throws kForeignSetting, with the place that sets it, for a kCompared
// that differs and cannot be set.
void PinSession(Connection& connection);

// What a session of the same role and database would have without this program's pins: those that differ from them,
// with the value that it would have. Of all that change what a statement of an author means. One connection. Throws as
// Connection::Open.
[[nodiscard]] std::map<std::string, std::string> UnpinnedSettings(const ConnectOptions& options);

}  // namespace pg
