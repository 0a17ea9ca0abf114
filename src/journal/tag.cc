#include "journal/tag.h"

#include <fmt/core.h>

#include <sstream>

#include "base/digest.h"
#include "base/file.h"
#include "base/signature.h"

namespace journal {
namespace {

constexpr const char* kSecretFile = "run.secret";
constexpr const char* kKeysFile = "runners";
constexpr unsigned kPrivate = 0600;
constexpr std::size_t kKeyId = 16;
constexpr std::string_view kVersion = "v2 ";

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
  const std::filesystem::path path = state / kSecretFile;
  if (std::optional<std::string> secret = base::ReadFileIfExists(path); secret && secret->size() == 2 * kBytes) {
    return *secret;
  }
  base::MakeDirectories(state);
  base::WriteFile(path, base::RandomHex(kBytes), kPrivate);
  return base::ReadFile(path);
}

Keys KeysOf(const std::filesystem::path& state) {
  Keys keys = {base::PublicKeyOf(RunSecret(state))};
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(state.parent_path(), ignored)) {
    if (std::filesystem::exists(entry.path() / kSecretFile, ignored))
      keys.insert(base::PublicKeyOf(RunSecret(entry.path())));
  }
  std::istringstream kept(base::ReadFileIfExists(state.parent_path() / kKeysFile).value_or(""));
  for (std::string key; std::getline(kept, key);) keys.insert(key);
  return keys;
}

void KeepKeys(const std::filesystem::path& state, const Keys& keys) {
  std::string text;
  for (const std::string& key : keys) text += key + "\n";
  const std::filesystem::path path = state.parent_path() / kKeysFile;
  if (text.empty() || base::ReadFileIfExists(path) == text) return;
  base::MakeDirectories(path.parent_path());
  base::WriteFile(path, text, kPrivate);
}

std::string MakeTag(std::string_view secret, const Tag& tag) {
  const std::string text = fmt::format("{}{} {} {} {} {}", kVersion, tag.release, tag.step.empty() ? "-" : tag.step,
                                       tag.direction.empty() ? "-" : tag.direction, base::RandomHex(8),
                                       base::PublicKeyOf(secret).substr(0, kKeyId));
  return fmt::format("{} {}", text, base::Sign(secret, text));
}

// Read from its end: a release's name may hold blanks.
std::optional<Tag> ReadTag(const Keys& keys, std::string_view text) {
  if (!text.starts_with(kVersion)) return std::nullopt;
  const std::string signature = TakeWord(text).value_or("");
  const std::string_view is_signed = text;
  const std::string id = TakeWord(text).value_or("");
  // In their order, those that begin with it follow it.
  const auto key = keys.lower_bound(id);
  if (id.size() != kKeyId || key == keys.end() || !key->starts_with(id) || !base::Verifies(*key, is_signed, signature))
    return std::nullopt;
  TakeWord(text);  // the nonce
  Tag tag;
  tag.direction = TakeWord(text).value_or("");
  tag.step = TakeWord(text).value_or("");
  tag.release = text.substr(kVersion.size());
  return tag;
}

}  // namespace journal
