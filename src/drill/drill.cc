#include "drill/drill.h"

#include <system_error>

#include "base/digest.h"
#include "base/file.h"
#include "drill/acts.h"
#include "drill/claims.h"
#include "drill/stage.h"

namespace drill {
namespace {

namespace fs = std::filesystem;

// The packages outlive the workspace: copies of them, of the list of what act three left behind, and of the conflicts
// of act four.
std::string KeepEvidence(base::Json& acts, const fs::path& asked) {
  const fs::path directory =
      asked.empty() ? fs::temp_directory_path() / ("switchback-drill-evidence-" + base::RandomHex(4)) : asked;
  base::MakeDirectories(directory, 0755);
  for (base::Json& act : acts) {
    const std::string name = "act" + std::to_string(act.at("act").get<int>());
    for (const char* key : {"evidence", "left_behind_list", "conflicts_list"}) {
      if (!act.contains(key)) continue;
      const fs::path from = act.at(key).get<std::string>();
      const fs::path to = directory / (name + (fs::is_directory(from) ? "" : "-" + from.filename().string()));
      fs::remove_all(to);
      fs::copy(from, to, fs::copy_options::recursive);
      act[key] = to.string();
    }
  }
  return directory.string();
}

}  // namespace

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
  Stage stage(options.keep);
  Claims claims;
  base::Json acts = base::Json::array();
  acts.push_back(PlayWithoutSwitchback(stage, claims));
  acts.push_back(PlayRelease(stage, claims));
  acts.push_back(PlayLateRestore(stage, claims));
  acts.push_back(PlaySalvage(stage, claims, options.load));
  const std::string evidence = KeepEvidence(acts, options.evidence);
  base::Json result = {{"held", claims.AllHeld()},
                       {"acts", acts},
                       {"claims", claims.ToJson()},
                       {"evidence", evidence},
                       {"milliseconds", stage.Elapsed().count()}};
  if (options.keep) result["workspace"] = stage.path().string();
  return result;
}

}  // namespace drill
