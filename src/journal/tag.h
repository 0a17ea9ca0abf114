#pragma once

#include <filesystem>
#include <string>
#include <string_view>

// How a release knows its own transactions in the write-ahead log: each begins, at its top level, with
// pg_logical_emit_message(true, 'switchback', MakeTag(...)). Any role can emit that prefix, so the tag is bound to a
// secret that only this run's state directory holds.
namespace journal {

inline constexpr std::string_view kTagPrefix = "switchback";

// The secret in STATE/run.secret (0600), made where there is none yet. Throws kFileRead, kFileWrite.
std::string RunSecret(const std::filesystem::path& state);

// "v1 <release> <nonce> <HMAC-SHA-256 of release|nonce, hex>": a new one at each call.
std::string MakeTag(std::string_view secret, std::string_view release);
// True where the tag was made with this secret.
bool TagIsOurs(std::string_view secret, std::string_view tag);

}  // namespace journal
