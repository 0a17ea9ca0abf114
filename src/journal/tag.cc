#include "journal/tag.h"

#include <fmt/core.h>

#include <optional>

#include "base/digest.h"
#include "base/file.h"

namespace journal {
namespace {

std::string Signature(std::string_view secret, std::string_view release, std::string_view nonce) {
  return base::HmacSha256Hex(secret, fmt::format("{}|{}", release, nonce));
}

}  // namespace

std::string RunSecret(const std::filesystem::path& state) {
  constexpr std::size_t kBytes = 32;
  constexpr unsigned kPrivate = 0600;
  const std::filesystem::path path = state / "run.secret";
  if (std::optional<std::string> secret = base::ReadFileIfExists(path); secret && secret->size() == 2 * kBytes) {
    return *secret;
  }
  base::MakeDirectories(state);
  base::WriteFile(path, base::RandomHex(kBytes), kPrivate);
  return base::ReadFile(path);
}

std::string MakeTag(std::string_view secret, std::string_view release) {
  const std::string nonce = base::RandomHex(8);
  return fmt::format("v1 {} {} {}", release, nonce, Signature(secret, release, nonce));
}

// Read from its end: a release's name may hold blanks.
bool TagIsOurs(std::string_view secret, std::string_view tag) {
  constexpr std::string_view kVersion = "v1 ";
  const std::size_t signature = tag.rfind(' ');
  if (!tag.starts_with(kVersion) || signature == std::string_view::npos || signature < kVersion.size()) return false;
  const std::size_t nonce = tag.rfind(' ', signature - 1);
  if (nonce == std::string_view::npos || nonce < kVersion.size()) return false;
  return tag.substr(signature + 1) == Signature(secret, tag.substr(kVersion.size(), nonce - kVersion.size()),
                                                tag.substr(nonce + 1, signature - nonce - 1));
}

}  // namespace journal
