#include <algorithm>

#include "sql/parse.h"

namespace sql {
namespace {

bool BeginsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

}  // namespace

Location LocateByte(std::string_view text, std::size_t byte_offset) {
  Location at;
  at.offset = std::min(byte_offset, text.size());
  for (std::size_t i = 0; i < at.offset; ++i) {
    if (text[i] == '\n') {
      ++at.line;
      at.column = 1;
    } else if (BeginsCharacter(text[i])) {
      ++at.column;
    }
  }
  return at;
}

Location LocateCharacter(std::string_view text, std::size_t character_from_1) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (BeginsCharacter(text[i])) ++seen;
    if (seen == std::max<std::size_t>(character_from_1, 1)) return LocateByte(text, i);
  }
  return LocateByte(text, text.size());
}

}  // namespace sql
