#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/hex.h"

namespace base {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

void Require(bool ok) {
  if (!ok) throw Error(Code::kInternal, "the cryptographic library failed");
}

Context Begin() {
  Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  Require(context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  return context;
}

std::string End(const Context& context) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  Require(EVP_DigestFinal_ex(context.get(), digest.data(), &size) == 1);
  return ToHex(digest.data(), size);
}

}  // namespace

std::string Sha256Hex(std::string_view data) {
  const Context context = Begin();
  Require(EVP_DigestUpdate(context.get(), data.data(), data.size()) == 1);
  return End(context);
}

std::string Sha256HexOfFile(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  const Context context = Begin();
  std::vector<char> buffer(1 << 16);
  while (in.good()) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    Require(EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(in.gcount())) == 1);
  }
  if (!in.eof()) throw Error(Code::kFileRead, "cannot read " + path.string()).Detail(std::strerror(errno));
  return End(context);
}

std::string HmacSha256Hex(std::string_view key, std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  Require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data(), &size) != nullptr);
  return ToHex(digest.data(), size);
}

std::string RandomHex(std::size_t bytes) {
  std::vector<unsigned char> random(bytes);
  Require(RAND_bytes(random.data(), static_cast<int>(bytes)) == 1);
  return ToHex(random.data(), bytes);
}

}  // namespace base
