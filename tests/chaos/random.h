#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace chaos {

// Numbers that derive from a seed and a word alone, the same on every machine. One thread at a time.
class Random {
 public:
  Random(std::uint64_t seed, std::string_view word) : state_(seed * 0x9e3779b97f4a7c15ULL + 1) {
    for (const char c : word) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }

  // From 0 to `below` - 1.
  int Below(int below) { return static_cast<int>(Next() % static_cast<std::uint64_t>(below)); }
  // True in `percent` of a hundred.
  bool Chance(int percent) { return Below(100) < percent; }
  template <typename T>
  const T& Of(const std::vector<T>& items) {
    return items.at(static_cast<std::size_t>(Below(static_cast<int>(items.size()))));
  }

 private:
  std::uint64_t Next() {  // splitmix64
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

}  // namespace chaos
