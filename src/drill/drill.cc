#include "drill/drill.h"

#include "drill/acts.h"
#include "drill/claims.h"
#include "drill/stage.h"

namespace drill {

std::string ChangeText() {
  std::string text;
  for (const std::string_view statement : kChange) text += std::string(statement) + "\n";
  return text;
}

base::Json ToJson(const Traffic& traffic) {
  return {{"requests", traffic.requests},         {"failed", traffic.failed},          {"unknown", traffic.unknown},
          {"acknowledged", traffic.acknowledged}, {"down_ms", traffic.down_us / 1000}, {"failures", traffic.failures}};
}

base::Json RunDrill(const DrillOptions& options) {
  const InterruptGuard interrupts;
  Stage stage(options.keep);
  Claims claims;
  base::Json acts = base::Json::array();
  acts.push_back(PlayWithoutSwitchback(stage, claims));
  base::Json result = {{"held", claims.AllHeld()},
                       {"acts", acts},
                       {"claims", claims.ToJson()},
                       {"seconds", static_cast<double>(stage.Elapsed().count() / 100) / 10.0}};
  if (options.keep) result["workspace"] = stage.path().string();
  return result;
}

}  // namespace drill
