#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

// How a release's own transactions are known in the write-ahead log: each begins, at its top level, with
// pg_logical_emit_message(true, 'switchback', MakeTag(...)). Any role can emit that prefix, so the tag is signed with a
// key of the runner. Its secret half stays where it was made, in the state directory; the public one is in the
// database, put there by the role that owns schema `switchback`, so that every checkout can verify and none can forge.
namespace journal {

inline constexpr std::string_view kTagPrefix = "switchback";

// The secret in STATE/run.secret (0600), made where there is none yet. Throws kFileRead, kFileWrite.
std::string RunSecret(const std::filesystem::path& state);
// Public keys of runners: those that this and other checkouts' secrets have.
using Keys = std::set<std::string>;
// Of the secrets of this release and of those beside it, and what KeepKeys kept.
Keys KeysOf(const std::filesystem::path& state);
// Keeps those that the database has, for when it is gone. Throws kFileWrite.
void KeepKeys(const std::filesystem::path& state, const Keys& keys);

// What a tag says of its transaction.
struct Tag {
  std::string release;
  std::string step = {};       // its id; empty: a transaction of no step (the lease, the mirror)
  std::string direction = {};  // "forward" or "reverse" with a step
  bool operator==(const Tag&) const = default;
};

// "v2 <release> <step> <direction> <nonce> <first 16 of the public key> <signature of all before it>", "-" for what is
// empty: a new one at each call.
std::string MakeTag(std::string_view secret, const Tag& tag);
// What the tag says; nothing where it was made with none of these keys.
std::optional<Tag> ReadTag(const Keys& keys, std::string_view text);

}  // namespace journal
