#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/exit.h"

namespace base {

// The stable codes of everything that can go wrong. `codes.def` is the only list: `switchback explain`, the reference
// and the exit code of a failed command come from it.
enum class Code : int {
#define SB_CODE(number, name, exit, meaning, remedy) k##name = number,
#include "base/codes.def"
#undef SB_CODE
};

struct CodeInfo {
  Code code;
  std::string_view name;
  Exit exit;
  std::string_view meaning;
  std::string_view remedy;
};

// All codes, ascending.
std::span<const CodeInfo> AllCodes();

const CodeInfo& InfoOf(Code code);

// "SB2103".
std::string CodeText(Code code);

}  // namespace base
