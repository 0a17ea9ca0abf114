#include "base/signature.h"

#include <openssl/evp.h>

#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/hex.h"

namespace base {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using Bytes = std::vector<unsigned char>;

void Require(bool ok) {
  if (!ok) throw Error(Code::kInternal, "a key could not be used for signing");
}

std::optional<Bytes> FromHex(std::string_view hex, std::size_t bytes) {
  constexpr int kBase = 16;
  Bytes out(bytes);
  if (hex.size() != 2 * bytes) return std::nullopt;
  for (std::size_t i = 0; i < bytes; ++i) {
    const char* begin = hex.data() + 2 * i;
    if (std::from_chars(begin, begin + 2, out[i], kBase).ptr != begin + 2) return std::nullopt;
  }
  return out;
}

Key SecretKey(std::string_view secret) {
  const std::optional<Bytes> seed = FromHex(Sha256Hex(secret), kKeyBytes);
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed->data(), seed->size()), &EVP_PKEY_free);
  Require(key != nullptr);
  return key;
}

const unsigned char* Unsigned(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::string PublicKeyOf(std::string_view secret) {
  const Key key = SecretKey(secret);
  std::array<unsigned char, kKeyBytes> raw{};
  std::size_t size = raw.size();
  Require(EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) == 1);
  return ToHex(raw.data(), size);
}

std::string Sign(std::string_view secret, std::string_view text) {
  const Key key = SecretKey(secret);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  Require(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  std::array<unsigned char, kSignatureBytes> signature{};
  std::size_t size = signature.size();
  Require(EVP_DigestSign(context.get(), signature.data(), &size, Unsigned(text), text.size()) == 1);
  return ToHex(signature.data(), size);
}

bool Verifies(std::string_view public_key, std::string_view text, std::string_view signature) {
  const std::optional<Bytes> raw = FromHex(public_key, kKeyBytes);
  const std::optional<Bytes> signed_as = FromHex(signature, kSignatureBytes);
  if (!raw || !signed_as) return false;
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw->data(), raw->size()), &EVP_PKEY_free);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signed_as->data(), signed_as->size(), Unsigned(text), text.size()) == 1;
}

}  // namespace base
