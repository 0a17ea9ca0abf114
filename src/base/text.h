#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Texts of others: a database, a file, a release may hold any bytes.
namespace base {

[[nodiscard]] bool IsUtf8(std::string_view text);

// For a terminal, which obeys what it is sent: control characters, those that turn the direction of what follows or
// cannot be seen, and what is not UTF-8 become "?", but for line feeds and tabs.
std::string Printable(std::string_view text);

// The same for what stands within a line, as a name does: line feeds and tabs are written as \n and \t.
std::string OneLine(std::string_view text);

// At most `most` bytes of it, cut between two characters, in a form that JSON can hold: what is not UTF-8 becomes "?".
std::string Excerpt(std::string_view text, std::size_t most);

// For people: "340 bytes", "1.2 MB", "17 GB".
std::string FormatBytes(std::int64_t bytes);

}  // namespace base
