#include "salvage/touched.h"

#include <algorithm>
#include <functional>

namespace salvage {
namespace {

// A Bloom filter.
constexpr std::int64_t kBitsOfKey = 16;
constexpr int kPlacesOfKey = 4;
constexpr std::int64_t kBitsOfWord = 64;
constexpr std::int64_t kFewestWords = 1 << 10;
constexpr std::int64_t kMostWords = 8 << 20;  // 64 MiB

// The bits of a key among `bits`, one after the other.
class Places {
 public:
  Places(std::int64_t table, std::string_view key, std::uint64_t bits)
      : at_(Mixed(std::hash<std::string_view>()(key) + Mixed(static_cast<std::uint64_t>(table)))),
        step_(Mixed(at_) | 1U),
        bits_(bits) {}
  std::uint64_t Next() { return (at_ += step_) % bits_; }

 private:
  // The end of MurmurHash3.
  static std::uint64_t Mixed(std::uint64_t hash) {
    hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
    hash = (hash ^ (hash >> 33U)) * 0xc4ceb9fe1a85ec53U;
    return hash ^ (hash >> 33U);
  }

  std::uint64_t at_;
  std::uint64_t step_;
  std::uint64_t bits_;
};

}  // namespace

Touched::Touched(std::int64_t keys)
    : words_(static_cast<std::size_t>(std::clamp(keys / (kBitsOfWord / kBitsOfKey), kFewestWords, kMostWords))) {}

void Touched::Add(std::int64_t table, std::string_view key) {
  Places places(table, key, words_.size() * kBitsOfWord);
  for (int i = 0; i < kPlacesOfKey; ++i) {
    const std::uint64_t bit = places.Next();
    words_[bit / kBitsOfWord] |= std::uint64_t{1} << (bit % kBitsOfWord);
  }
}

bool Touched::Has(std::int64_t table, std::string_view key) const {
  Places places(table, key, words_.size() * kBitsOfWord);
  for (int i = 0; i < kPlacesOfKey; ++i) {
    const std::uint64_t bit = places.Next();
    if ((words_[bit / kBitsOfWord] >> (bit % kBitsOfWord) & 1U) == 0) return false;
  }
  return true;
}

}  // namespace salvage
