#pragma once

#include <map>
#include <string>

namespace pg {

// The options that a connection string sets, by libpq's keyword. Throws kBadConnectionString, never with a part of the
// string in its text: a password with an unescaped character may stand anywhere in it.
std::map<std::string, std::string> ParseConninfo(const std::string& conninfo);

// key='value' pairs with every value quoted.
std::string FormatConninfo(const std::map<std::string, std::string>& options);

// What libpq would use for a keyword: the string's value, else the service's, the environment's or the built-in one.
std::string Effective(const std::map<std::string, std::string>& options, const std::string& keyword);

}  // namespace pg
