#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/process.h"
#include "pg/connection.h"
#include "sandbox/server.h"
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

// A command that stopped itself at a failpoint.
struct Sleeper {
  base::Child child;
  bool stopped = false;
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

  // The same, asleep at a failpoint ("run.after_intent@2"), and woken up again.
  Sleeper Sleep(const std::vector<std::string>& words, const std::string& failpoint);
  Met Wake(Sleeper& sleeper);

  // A standby that streams, stopped again; then it takes the place of the server, on a timeline of its own.
  void MakeStandby();
  void StopStandby() { standby_->Stop(); }
  void FailOver();

  [[nodiscard]] pg::Connection Connect() const;
  [[nodiscard]] Look LookAt(pg::Connection connection) const;
  [[nodiscard]] Look Now() const { return LookAt(Connect()); }
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

  // "": no step was done, or taken back, that was so already, as the journal tells.
  [[nodiscard]] std::string DoneTwice() const;

  test::ServedProject& project() { return project_; }
  [[nodiscard]] std::filesystem::path State() const { return project_.State(kRelease); }
  [[nodiscard]] std::filesystem::path PlanFile() const { return project_.path() / "releases/shop/plan.lock.json"; }
  // Stops and removes what restores left running.
  void ClearRestored();

 private:
  void Save(Stage stage);
  [[nodiscard]] base::Child Begin(const std::vector<std::string>& words, const std::string& failpoint) const;
  Met End(base::Child& child) const;
  void Administer(const std::string& sql);
  void Empty();
  void Record();

  test::ServedProject project_{kRelease};
  test::TcpGate gate_{project_.server().Url()};
  std::optional<sandbox::Server> standby_;
  bool failed_over_ = false;
  std::map<Stage, std::filesystem::path> states_;
  std::vector<base::Json> steps_;
  std::size_t contracted_ = 0;
  Reference reference_;
};

}  // namespace crash
