#include "journal/tag.h"

#include <fmt/core.h>

#include "base/digest.h"
#include "base/file.h"

namespace journal {
namespace {

constexpr std::string_view kVersion = "v1 ";

// Cuts the last word off, with the blank before it. Nothing: there is none.
std::optional<std::string> TakeWord(std::string_view& text) {
  const std::size_t blank = text.rfind(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  std::string word(text.substr(blank + 1));
  text.remove_suffix(text.size() - blank);
  return word == "-" ? "" : word;
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

std::string MakeTag(std::string_view secret, const Tag& tag) {
  const std::string text = fmt::format("{}{} {} {} {}", kVersion, tag.release, tag.step.empty() ? "-" : tag.step,
                                       tag.direction.empty() ? "-" : tag.direction, base::RandomHex(8));
  return fmt::format("{} {}", text, base::HmacSha256Hex(secret, text));
}

// Read from its end: a release's name may hold blanks.
std::optional<Tag> ReadTag(std::string_view secret, std::string_view text) {
  if (!text.starts_with(kVersion)) return std::nullopt;
  const std::optional<std::string> signature = TakeWord(text);
  if (!signature || *signature != base::HmacSha256Hex(secret, text)) return std::nullopt;
  TakeWord(text);  // the nonce
  Tag tag;
  tag.direction = TakeWord(text).value_or("");
  tag.step = TakeWord(text).value_or("");
  tag.release = text.substr(kVersion.size());
  return tag;
}

}  // namespace journal
