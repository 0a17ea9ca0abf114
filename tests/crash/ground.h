#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "served_project.h"
#include "tcp_gate.h"

namespace crash {

// What befalls the tool while it stands at a failpoint.
enum class Accident {
  kKill,    // kill -9
  kServer,  // immediate stop of the server, and its start
  kCut,     // the connection breaks after COMMIT was sent and before its answer
  kDisk,    // the disk of the journal is full: no file grows any more
};
const char* Name(Accident accident);

// How a command ended that met an accident.
struct Met {
  bool fired = false;  // it came to the failpoint, and the accident happened
  int exit = 0;
  std::string said;
};

// How a database looks: by itself, and without what the release retired.
struct Look {
  std::string all;
  std::string net;
};

// One server for many cases: the database `shop` and the state of its one release are set back to a stage before each.
class Ground {
 public:
  static constexpr const char* kRelease = "shop";
  enum class Stage { kPlanned, kCheckpointed, kContracted };

  Ground();

  void Reset(Stage stage);
  // A command of the tool, through the gate; without an accident.
  base::Json On(const std::vector<std::string>& words, const std::map<std::string, std::string>& env = {});
  // The same, with an accident at the passing `nth` of a failpoint.
  Met Run(const std::vector<std::string>& words, const std::string& failpoint, int nth, Accident accident);

  [[nodiscard]] Look LookAt(pg::Connection connection) const;
  [[nodiscard]] Look Now() const { return LookAt(project_.Connect()); }
  // What stands after each step of a run without a crash.
  struct Reference {
    std::vector<Look> forward;  // by the number of steps done
    std::vector<Look> back;
  };
  const Reference& reference() const { return reference_; }
  // "": what `status` says fits what is in the database.
  std::string Untrue(const base::Json& position) const;
  [[nodiscard]] std::size_t steps() const { return steps_.size(); }
  [[nodiscard]] std::size_t contracted() const { return contracted_; }

  test::ServedProject& project() { return project_; }
  [[nodiscard]] std::filesystem::path State() const { return project_.State(kRelease); }
  [[nodiscard]] std::filesystem::path PlanFile() const { return project_.path() / "releases/shop/plan.lock.json"; }
  // Stops and removes what restores left running.
  void ClearRestored();

 private:
  void Save(Stage stage);
  void Administer(const std::string& sql);
  void Empty();
  void Record();

  test::ServedProject project_{kRelease};
  test::TcpGate gate_{project_.server().port()};
  std::map<Stage, std::filesystem::path> states_;
  std::vector<base::Json> steps_;
  std::size_t contracted_ = 0;
  Reference reference_;
};

}  // namespace crash
