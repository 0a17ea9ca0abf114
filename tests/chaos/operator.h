#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "application.h"
#include "ground.h"
#include "history.h"
#include "script.h"
#include "world.h"

namespace chaos {

using Applications = std::vector<std::unique_ptr<Application>>;

// The schema before, and as the changes make it in plain SQL; by whether each release was done.
struct Expected {
  std::vector<std::string> schema[2][2];
};
Expected Expect(const World& world, pg::Connection& connection);

// Where a release stands, as `status` says.
struct Standing {
  base::Json facts = base::Json::object();
  std::string next;
  int done = 0;
  int ready = 0;  // steps before contract
  int steps = 0;
  bool planned = false;
  bool settled = false;  // no step is in flight or half done
  bool closed = false;

  [[nodiscard]] bool AtStart() const { return settled && done == 0; }
  [[nodiscard]] bool Complete() const { return planned && settled && done == steps; }
  [[nodiscard]] bool Works(Version version) const;
};

// Types the commands of a script, deploys the applications as the program says that they may be, and follows the
// program's advice where a command does not end well. Whatever no command may ever say is a failure of the history.
class Operator {
 public:
  Operator(Ground& ground, const Expected& expected, const Script& script, Applications& applications, History& history)
      : ground_(ground), expected_(expected), script_(script), applications_(applications), history_(history) {}

  void Perform(const Line& line);
  // To where the script ends, by advice. True: it came there.
  bool Finish();

  Standing Ask(const std::string& release);
  // What applications complain about goes into the history.
  void Hear();
  // Of the restored server that the applications moved to.
  [[nodiscard]] const std::optional<std::string>& moved_to() const { return moved_to_; }
  [[nodiscard]] bool second_begun() const { return second_begun_; }
  [[nodiscard]] const base::Json& conflicts() const { return conflicts_; }

 private:
  Ended Run(const Words& words);
  Ended RunWith(const Words& words, Accident accident, int at, Act act);
  Ended TakeOver(Running& running, const Words& words);
  void Check(const Ended& ended);
  // Runs it until it ends well, and what is advised in between.
  bool Insist(const Words& words, bool back);
  std::optional<Words> Advised(const std::string& text, const Words& words, bool back) const;

  void Deploy(Deployment wanted) { Deploy(wanted, Ask(kFirst)); }
  void Deploy(Deployment wanted, const Standing& standing);
  void Rest();
  void Settle();
  // Where `status` says that nothing or all is done, the schema is so.
  void CheckTruth(const Standing& standing);
  void Back(const Line& line, const std::string& to);
  void Two(const Line& line);
  void Pause(const Line& line);
  void Look(int choice);
  void RestoreBeside(const Line& line);
  void Try(const Words& words, const Line& line);
  bool Complete(const std::string& release);
  bool GoBack(const std::string& release);
  bool Close(const std::string& release, bool back);
  bool CutOver();
  bool Decide(const std::string& file);

  Ground& ground_;
  const Expected& expected_;
  const Script& script_;
  Applications& applications_;
  History& history_;
  Deployment deployed_ = Deployment::kOld;
  bool second_begun_ = false;
  std::optional<std::string> moved_to_;
  base::Json conflicts_ = base::Json::array();  // as the program named them, with what was taken
};

}  // namespace chaos
