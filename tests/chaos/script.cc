#include "script.h"

#include <fmt/core.h>

#include <array>
#include <utility>

namespace chaos {
namespace {

// Where the release stands if nothing goes wrong.
enum class At { kStart, kExpand, kReady, kContracted };

class Drawing {
 public:
  explicit Drawing(std::uint64_t seed) : random_(seed, "script") {}

  Script Draw() {
    Script script;
    for (int left = 4 + random_.Below(4); left > 0; --left) script.lines.push_back(Next());
    script.end = random_.Of(std::vector<End>{End::kComplete, End::kComplete, End::kStart, End::kCutOver});
    script.second_complete = random_.Chance(50);
    script.second_first = random_.Chance(50);
    script.take_application = random_.Chance(50);
    std::tie(script.last, script.last_at) = Trouble(50);
    return script;
  }

 private:
  std::pair<Accident, int> Trouble(int percent) {
    if (!random_.Chance(percent)) return {Accident::kNone, 0};
    return {static_cast<Accident>(1 + random_.Below(kAccidents - 1)), random_.Below(100)};
  }

  // Each act as often as its weight stands in the list.
  std::vector<Act> Possible() const {
    std::vector<Act> acts = {Act::kLook, Act::kSecondOperator, Act::kSecondOperator};
    const auto add = [&](Act act, int weight) { acts.insert(acts.end(), static_cast<std::size_t>(weight), act); };
    add(second_ ? Act::kSecondBack : Act::kSecondRelease, second_ ? 3 : 2);
    if (at_ == At::kStart) add(Act::kPlan, 2);
    add(Act::kCheckpoint, at_ == At::kStart ? 3 : 1);
    if (at_ == At::kStart || at_ == At::kExpand) {
      add(Act::kRun, 8);
      add(Act::kPause, 3);
    }
    if (at_ == At::kReady) {
      add(Act::kDeploy, 4);
      add(Act::kContract, 5);
      add(Act::kRollbackExpand, 2);
    }
    if (at_ == At::kContracted) {
      add(Act::kRollbackMigrate, 3);
      add(Act::kRollbackSwitch, 3);
    }
    if (at_ != At::kStart) {
      add(Act::kRollbackStart, 2);
      add(Act::kRestore, 1);
      add(Act::kClose, 1);
    }
    return acts;
  }

  Line Next() {
    Line line{.act = random_.Of(Possible()), .until = {}, .choice = random_.Below(6)};
    line.deployment = random_.Of(std::vector<Deployment>{Deployment::kBoth, Deployment::kBoth, Deployment::kNew});
    if (line.act == Act::kRun) line.until = at_ == At::kStart && random_.Chance(25) ? "expand" : "";
    if (line.act != Act::kDeploy && line.act != Act::kLook && line.act != Act::kSecondOperator) {
      std::tie(line.accident, line.at) = Trouble(45);
    }
    line.again = random_.Chance(60);
    Move(line);
    return line;
  }

  void Move(const Line& line) {
    if (line.act == Act::kRun) at_ = line.until == "expand" ? At::kExpand : At::kReady;
    if (line.act == Act::kPause || line.act == Act::kRollbackMigrate || line.act == Act::kRollbackSwitch) {
      at_ = At::kReady;
    }
    if (line.act == Act::kContract) at_ = At::kContracted;
    if (line.act == Act::kRollbackStart) at_ = At::kStart;
    if (line.act == Act::kRollbackExpand) at_ = At::kExpand;
    if (line.act == Act::kSecondRelease) second_ = true;
    if (line.act == Act::kSecondBack) second_ = false;
  }

  Random random_;
  At at_ = At::kStart;
  bool second_ = false;
};

}  // namespace

const char* Name(Act act) {
  static constexpr std::array<const char*, kActs> kNames = {"plan",
                                                            "checkpoint",
                                                            "run",
                                                            "run, pause, resume",
                                                            "deploy",
                                                            "contract",
                                                            "rollback start",
                                                            "rollback expand",
                                                            "rollback migrate",
                                                            "rollback switch",
                                                            "restore, salvage",
                                                            "cut over",
                                                            "second operator",
                                                            "second release",
                                                            "second release back",
                                                            "look",
                                                            "purge",
                                                            "close"};
  return kNames.at(static_cast<std::size_t>(act));
}

const char* Name(Accident accident) {
  static constexpr std::array<const char*, kAccidents> kNames = {
      "none", "kill -9", "server crash", "cut connection", "SIGSTOP", "full state directory", "SIGINT"};
  return kNames.at(static_cast<std::size_t>(accident));
}

const char* Name(Deployment deployment) {
  static constexpr std::array<const char*, 3> kNames = {"the old version", "both versions", "the new version"};
  return kNames.at(static_cast<std::size_t>(deployment));
}

const char* Name(End end) {
  static constexpr std::array<const char*, 3> kNames = {"the release complete", "back at the start",
                                                        "on a restored server"};
  return kNames.at(static_cast<std::size_t>(end));
}

Script DrawScript(std::uint64_t seed) { return Drawing(seed).Draw(); }

std::string Text(const Line& line) {
  std::string text = Name(line.act);
  if (!line.until.empty()) text += " --until " + line.until;
  if (line.act == Act::kDeploy) text += fmt::format(" {}", Name(line.deployment));
  if (line.accident != Accident::kNone) {
    text += fmt::format(", {} at {} %, then {}", Name(line.accident), line.at,
                        line.again ? "as it is advised" : "on as planned");
  }
  return text;
}

}  // namespace chaos
