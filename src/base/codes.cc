#include "base/codes.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

namespace base {
namespace {

constexpr CodeInfo kCodes[] = {
#define SB_CODE(number, name, exit, meaning, remedy) {Code::k##name, #name, Exit::exit, meaning, remedy},
#include "base/codes.def"
#undef SB_CODE
};

static_assert(std::ranges::is_sorted(kCodes, {}, &CodeInfo::code) &&
                  std::ranges::adjacent_find(kCodes, {}, &CodeInfo::code) == std::end(kCodes),
              "codes.def is ascending, each number once");

}  // namespace

std::span<const CodeInfo> AllCodes() { return kCodes; }

const CodeInfo& InfoOf(Code code) { return *std::ranges::lower_bound(kCodes, code, {}, &CodeInfo::code); }

std::string CodeText(Code code) { return fmt::format("SB{:04}", static_cast<int>(code)); }

}  // namespace base
