#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

// How a release knows its own transactions in the write-ahead log: each begins, at its top level, with
// pg_logical_emit_message(true, 'switchback', MakeTag(...)). Any role can emit that prefix, so the tag is bound to a
// secret that only this run's state directory holds.
namespace journal {

inline constexpr std::string_view kTagPrefix = "switchback";

// The secret in STATE/run.secret (0600), made where there is none yet. Throws kFileRead, kFileWrite.
std::string RunSecret(const std::filesystem::path& state);

// What a tag says of its transaction.
struct Tag {
  std::string release;
  std::string step = {};       // its id; empty: a transaction of no step (the lease, the mirror)
  std::string direction = {};  // "forward" or "reverse" with a step
  bool operator==(const Tag&) const = default;
};

// "v1 <release> <step> <direction> <nonce> <HMAC-SHA-256 of all before it, hex>", "-" for what is empty: a new one at
// each call.
std::string MakeTag(std::string_view secret, const Tag& tag);
// What the tag says; nothing where it was not made with this secret.
std::optional<Tag> ReadTag(std::string_view secret, std::string_view text);

}  // namespace journal
