#include "drill/claims.h"

#include <algorithm>

#include "base/log.h"

namespace drill {

void Claims::Check(const std::string& name, bool held, const std::string& text, const std::string& measured) {
  claims_.push_back({name, text, measured, held});
  if (!held) base::Warn("does NOT hold: {} ({}: {})", text, name, measured);
}

bool Claims::AllHeld() const {
  return std::all_of(claims_.begin(), claims_.end(), [](const Claim& claim) { return claim.held; });
}

base::Json Claims::ToJson() const {
  base::Json list = base::Json::array();
  for (const Claim& claim : claims_) {
    list.push_back({{"name", claim.name}, {"text", claim.text}, {"measured", claim.measured}, {"held", claim.held}});
  }
  return list;
}

}  // namespace drill
