#pragma once

#include <string>
#include <string_view>

namespace base {

// Ed25519. A secret is any text that nobody can guess; public keys (64 characters) and signatures (128) are lowercase
// hex.

std::string PublicKeyOf(std::string_view secret);
std::string Sign(std::string_view secret, std::string_view text);
// False, too, where key or signature is no such text.
bool Verifies(std::string_view public_key, std::string_view text, std::string_view signature);

}  // namespace base
