#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"

// What is said, written into the journal or put into evidence goes to others than the database's: values of rows stay
// behind, unless the project says otherwise (`policy: {row_values: shown}`).
namespace base {

// Of this process. `secret`: of the release, so that one value has one name in all that is said of it; empty: it keeps
// the one that it has, which is random at first.
void ShowRowValues(bool shown, std::string_view secret);
[[nodiscard]] bool RowValuesShown();

// A value of a row: whole numbers below 2^31, which keys without a meaning are, as they stand; of others a name, "#"
// and 12 hexadecimal digits, by which equal values can be told and no value can be guessed.
std::string ShownValue(std::string_view value);
// The same for a key {column: value}, or for its JSON text. Texts that look like numbers have meaning more often than
// not, so only JSON numbers are shown.
Json ShownKey(const Json& key);
std::string ShownKeyText(const std::string& key);
// The same for a key whose values are all given as texts; `whole`: of the columns that hold whole numbers.
Json ShownKey(const Json& key, const std::function<bool(const std::string& column)>& whole);

// A message without what it quotes: up to the first quote of any kind.
std::string WithoutQuoted(std::string_view message);

// A statement of somebody with "?" for its literals and without its remarks. It may be cut off anywhere.
std::string WithoutLiterals(std::string_view sql);

}  // namespace base
