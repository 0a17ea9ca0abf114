#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace drill {

// Something that the drill says at its end. It says nothing that it has not checked in this run.
struct Claim {
  std::string name;      // "act2.nothing_lost"
  std::string text;      // a sentence
  std::string measured;  // what was found
  bool held = false;
};

class Claims {
 public:
  // Notes the outcome of a check; one that does not hold is also shown at once, as a warning.
  void Check(const std::string& name, bool held, const std::string& text, const std::string& measured);
  [[nodiscard]] bool AllHeld() const;
  [[nodiscard]] const std::vector<Claim>& all() const { return claims_; }
  [[nodiscard]] base::Json ToJson() const;

 private:
  std::vector<Claim> claims_;
};

}  // namespace drill
