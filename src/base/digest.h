#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace base {

// Lowercase hex of SHA-256.
std::string Sha256Hex(std::string_view data);
std::string Sha256HexOfFile(const std::filesystem::path& path);
// Lowercase hex of HMAC-SHA-256.
std::string HmacSha256Hex(std::string_view key, std::string_view data);
// `bytes` random bytes from the system's generator, as lowercase hex (2 characters a byte).
std::string RandomHex(std::size_t bytes);

}  // namespace base
