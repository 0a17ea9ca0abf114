#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace salvage {

// Keys of rows, by table, in memory of a bounded size: it forgets none, and takes some for its own that are not. Of
// those it takes one in 400 as long as there are no more keys than it was made for, and those are no more than 33
// million; beyond that ever more.
class Touched {
 public:
  explicit Touched(std::int64_t keys);
  void Add(std::int64_t table, std::string_view key);
  [[nodiscard]] bool Has(std::int64_t table, std::string_view key) const;

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace salvage
