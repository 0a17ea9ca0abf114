#pragma once

#include <string>
#include <string_view>

namespace sql {

// The text with every mention of column `from` replaced by `to`, quoted: for texts that the server printed (index and
// constraint definitions), where a name is a column unless '(' follows it. Strings and other tokens stay as they are.
std::string ReplaceColumn(std::string_view text, const std::string& from, const std::string& to);

// The text from the first keyword token `keyword` on (any case), or "" where there is none: "USING btree (a)" of an
// index definition, whatever its name holds.
std::string TailFrom(std::string_view text, std::string_view keyword);

}  // namespace sql
