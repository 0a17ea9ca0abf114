#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "drill/claims.h"
#include "drill/deployment.h"
#include "drill/repository.h"
#include "drill/stage.h"
#include "drill/tool.h"
#include "drill/traffic.h"
#include "sandbox/server.h"

namespace drill {

// What the acts with switchback share: a server whose WAL is archived as `switchback init` sets it up, a project in a
// Git repository, and two instances of shop 1.8 at work on it.
class ReleaseAct {
 protected:
  ReleaseAct(Stage& stage, Claims& claims, const std::string& name);

  // `files` are those of releases/RELEASE, with the queries of shop 1.8; `init`, then the release in Git with its plan.
  void Prepare(const std::string& release, const std::map<std::string, std::string>& files);
  // What the shop's users met since then, of one version or of all.
  [[nodiscard]] Traffic Since(std::int64_t from_us, const std::string& version = {}) const;
  [[nodiscard]] Account CompareNow();
  [[nodiscard]] bool HasColumn(const std::string& column);
  // Stops writes at the database: what is on its way is ended, what comes is refused.
  void Fence();
  // One value from the act's database, as superuser.
  [[nodiscard]] std::string Ask(const std::string& sql);
  // `evidence build` and `evidence verify`; also that a package with one changed line is refused. The path of the
  // package.
  std::string BuildEvidence();
  void Check(const std::string& name, bool held, const std::string& text, const std::string& measured);

  Stage& stage_;
  Claims& claims_;
  std::string name_;
  std::string release_;
  Repository repository_;
  sandbox::Server server_;
  Deployment shops_;
  Tool tool_;
};

}  // namespace drill
