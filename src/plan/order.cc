#include "plan/order.h"

#include <algorithm>
#include <map>

namespace plan {
namespace {

class Pairs {
 public:
  // `first` stands before `second` in the line.
  void Compare(const Step& first, const Step& second) {
    for (const Access& one : first.accesses) {
      for (const Access& other : second.accesses) {
        const bool severed = Severs(one, other);
        const bool inverted = Conflict(one, other) && one.statement > other.statement;
        if (!severed && !inverted) continue;
        // Statements that are folded into one change have no order among themselves.
        if (TakesPart(first, other) || TakesPart(second, one)) continue;
        const bool as_written = one.statement < other.statement;
        Disorder disorder{as_written ? one : other, as_written ? other : one, as_written ? &first : &second,
                          as_written ? &second : &first, !inverted};
        found_.emplace(std::pair{disorder.earlier.statement, disorder.later.statement}, disorder);
      }
    }
  }

  std::vector<Disorder> Take() {
    std::vector<Disorder> all;
    for (auto& [pair, disorder] : found_) all.push_back(disorder);
    return all;
  }

 private:
  // Whether the access's statement has a part in this step too, on the same thing.
  static bool TakesPart(const Step& step, const Access& access) {
    return std::any_of(step.accesses.begin(), step.accesses.end(), [&](const Access& own) {
      return own.statement == access.statement && Overlap(own.resource, access.resource);
    });
  }

  std::map<std::pair<int, int>, Disorder> found_;
};

}  // namespace

std::vector<Disorder> DisordersOf(const std::vector<Step>& line) {
  Pairs pairs;
  for (std::size_t i = 0; i < line.size(); ++i) {
    for (std::size_t k = i + 1; k < line.size(); ++k) pairs.Compare(line[i], line[k]);
  }
  return pairs.Take();
}

}  // namespace plan
