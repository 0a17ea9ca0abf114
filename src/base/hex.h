#pragma once

#include <cstddef>
#include <string>

namespace base {

// Lowercase, two characters a byte.
std::string ToHex(const unsigned char* data, std::size_t size);

}  // namespace base
