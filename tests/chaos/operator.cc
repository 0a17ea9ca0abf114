#include "operator.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <csignal>
#include <regex>
#include <set>
#include <thread>

#include "accident.h"
#include "base/error.h"
#include "base/file.h"

namespace chaos {
namespace {

using std::chrono::milliseconds;
constexpr int kMostAttempts = 8;
constexpr auto kBetweenAttempts = milliseconds(400);
constexpr auto kWork = milliseconds(250);  // of the applications, between acts

// About; so that accidents fall everywhere into a command.
milliseconds Typical(Act act) {
  switch (act) {
    case Act::kCheckpoint:
      return milliseconds(1000);
    case Act::kRun:
    case Act::kPause:
    case Act::kSecondRelease:
      return milliseconds(1400);
    case Act::kRestore:
    case Act::kCutOver:
      return milliseconds(3000);
    case Act::kContract:
    case Act::kPurge:
      return milliseconds(600);
    default:
      return milliseconds(300);
  }
}

bool LeadsForward(const std::string& verb) {
  static const std::set<std::string> kForward = {"plan",     "checkpoint", "expand", "migrate", "switch",
                                                 "contract", "purge",      "run",    "resume",  "close"};
  return kForward.contains(verb);
}

bool LeadsBack(const std::string& verb) {
  return verb == "rollback" || verb == "restore" || verb == "close" || verb == "checkpoint" || verb == "plan";
}

}  // namespace

bool Standing::Works(Version version) const {
  const bool in_flight = !settled;
  if (version == Version::kOld) return done < ready || (done == ready && !in_flight);
  return planned && done >= ready;  // what is in flight then is contract's, which only the old one has to fear
}

void Operator::Check(const Ended& ended) {
  const std::string code =
      ended.envelope.value("error", base::Json()).is_object() ? ended.envelope["error"].value("code", "") : "";
  static const std::set<int> kNever = {-1, 1, 13, 128 + SIGSEGV, 128 + SIGABRT};
  if (kNever.contains(ended.exit)) history_.Fail("a command may never end so: " + ended.Text() + " " + ended.said);
  if (ended.exit == 31 && !ended.met) history_.Fail("in doubt without a cause: " + ended.Text());
  if (code == "SB3106") history_.Fail("nobody changed anything beside the release: " + ended.Text());
  if (ended.envelope.empty() && !ended.met) history_.Fail("no envelope: " + ended.Text() + " " + ended.said);
}

Ended Operator::Run(const Words& words) {
  Ended ended = ground_.Run(words);
  history_.Tell(ended.Text());
  Check(ended);
  return ended;
}

// The lease of one who sleeps runs out, and another operator does the same.
Ended Operator::TakeOver(Running& running, const Words& words) {
  ground_.Connect().Exec("UPDATE switchback.lease SET expires_at = '-infinity'");
  Run(words);
  Wake(running);
  return running.Wait();
}

Ended Operator::RunWith(const Words& words, Accident accident, int at, Act act) {
  if (accident == Accident::kNone) return Run(words);
  Running running = ground_.Start(words);
  const milliseconds after = Typical(act) * at / 100;
  const bool met = Befall(ground_, running, words.at(1), accident, after);
  if (met) {
    history_.Count(accident);
    history_.Tell(
        fmt::format("{} befalls switchback {} after {} ms", Name(accident), fmt::join(words, " "), after.count()));
  }
  Ended ended = met && accident == Accident::kStop ? TakeOver(running, words) : running.Wait();
  ended.met = met;
  history_.Tell(ended.Text());
  // The limit of the files goes on to the restored server, which cannot fetch its log then.
  const bool no_server = met && accident == Accident::kDisk && ended.Text().find("SB2713") != std::string::npos;
  if (!no_server) Check(ended);
  return ended;
}

std::optional<Words> Operator::Advised(const std::string& text, const Words& words, bool back) const {
  static const std::regex kCommand(R"(switchback ((?:[a-z]+)(?: (?:--[a-z-]+|[A-Za-z0-9_./=-]*[A-Za-z0-9_/=-]))*))");
  for (auto it = std::sregex_iterator(text.begin(), text.end(), kCommand); it != std::sregex_iterator(); ++it) {
    std::vector<std::string> parts;
    const std::string command = (*it)[1].str();
    std::size_t from = 0;
    while (from < command.size()) {
      const std::size_t to = std::min(command.find(' ', from), command.size());
      parts.push_back(command.substr(from, to - from));
      from = to + 1;
    }
    if (!(back ? LeadsBack(parts[0]) : LeadsForward(parts[0]))) continue;
    Words advised = {parts[0]};
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const bool option = parts[i].starts_with("--") || (i > 1 && parts[i - 1].starts_with("--"));
      if (parts[i] == "RELEASE") advised.push_back(words.at(1));
      if (option || parts[i] == kFirst || parts[i] == kSecond) advised.push_back(parts[i]);
    }
    if (advised.size() == 1) advised.push_back(words.at(1));
    // Who wants to go on does not end it.
    if (advised.front() == "close" && words.front() != "close" && !back) continue;
    if (advised != words) return advised;
  }
  return std::nullopt;
}

bool Operator::Insist(const Words& words, bool back) {
  std::vector<std::string> tried;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    if (words == Words{"contract", kFirst}) Deploy(Deployment::kNew);
    const Ended ended = Run(words);
    if (ended.exit == 0) return true;
    if (history_.failed()) return false;
    tried.push_back(ended.Text());
    if (const auto advised = Advised(ended.Next(), words, back)) {
      if (*advised == Words{"contract", kFirst}) Deploy(Deployment::kNew);
      const Ended helped = Run(*advised);
      tried.push_back(helped.Text());
    } else {
      std::this_thread::sleep_for(kBetweenAttempts);
    }
  }
  history_.Fail(fmt::format("the advice leads nowhere:\n    {}", fmt::join(tried, "\n    ")));
  return false;
}

Standing Operator::Ask(const std::string& release) {
  Standing standing;
  const Ended ended = ground_.Run({"status", release});
  Check(ended);
  if (ended.exit != 0) {
    history_.Fail("status: " + ended.Text());
    return standing;
  }
  standing.facts = ended.envelope["result"];
  standing.next = ended.Next();
  const base::Json position = standing.facts.value("position", base::Json());
  standing.closed = standing.facts.value("closed", base::Json()).is_object() ||
                    standing.facts.value("closed", base::Json()).is_string();
  if (!position.is_object()) return standing;
  standing.planned = true;
  standing.done = position["steps_done"];
  standing.steps = position["steps"];
  standing.settled = position["state"] == "clean" || position["state"] == "concluded";
  if (position["state"] == "drifted") history_.Fail("status says drifted: " + position.value("text", ""));
  if (!standing.facts.value("drift", base::Json::array()).empty()) {
    history_.Fail("status sees a change beside the release: " + standing.facts["drift"].dump());
  }
  const base::Json plan = base::ReadJsonFile(ground_.project() / "releases" / release / "plan.lock.json");
  for (const base::Json& step : plan["steps"]) {
    if (step["phase"] != "contract" && step["phase"] != "purge") ++standing.ready;
  }
  return standing;
}

void Operator::Rest() {
  for (const auto& application : applications_) application->Turn(std::nullopt);
}

void Operator::Deploy(Deployment wanted, const Standing& standing) {
  bool old_works = standing.Works(Version::kOld);
  bool new_works = standing.Works(Version::kNew);
  if (!standing.planned) old_works = true;
  deployed_ = wanted == Deployment::kBoth && !new_works   ? Deployment::kOld
              : wanted == Deployment::kBoth && !old_works ? Deployment::kNew
              : wanted == Deployment::kOld && !old_works  ? Deployment::kNew
              : wanted == Deployment::kNew && !new_works  ? Deployment::kOld
                                                          : wanted;
  for (std::size_t i = 0; i < applications_.size(); ++i) {
    const bool in_new = deployed_ == Deployment::kNew || (deployed_ == Deployment::kBoth && i % 2 == 1);
    applications_[i]->Turn(in_new ? Version::kNew : Version::kOld);
  }
  history_.Tell(fmt::format("{} at work", Name(deployed_)));
}

// After a command: as before where that works, and some time for the applications.
void Operator::Settle() {
  const Standing standing = Ask(kFirst);
  Deploy(deployed_, standing);
  std::this_thread::sleep_for(kWork);
  Hear();
  CheckTruth(standing);
}

void Operator::CheckTruth(const Standing& standing) {
  const bool fenced = standing.facts.value("fence", base::Json()).is_object();
  if (second_begun_ || fenced || !(standing.AtStart() || standing.Complete())) return;
  auto connection = ground_.Connect();
  const std::string differs = Differ(expected_.schema[standing.AtStart() ? 0 : 1][0], SchemaOf(connection));
  if (!differs.empty())
    history_.Fail("status says " + standing.facts["position"].value("text", "") + ", but " + differs);
}

Expected Expect(const World& world, pg::Connection& connection) {
  Expected expected;
  for (const bool first : {false, true}) {
    for (const bool second : {false, true}) {
      connection.Exec("BEGIN; SET LOCAL search_path = public");
      if (first) connection.Exec(world.change);
      if (second) connection.Exec(world.second_change);
      connection.Exec("SET LOCAL search_path = pg_catalog");
      expected.schema[first ? 1 : 0][second ? 1 : 0] = SchemaOf(connection);
      connection.Exec("ROLLBACK");
    }
  }
  return expected;
}

void Operator::Hear() {
  for (const auto& application : applications_) {
    for (const std::string& complaint : application->Complaints()) history_.Fail(complaint);
  }
}

void Operator::Back(const Line& line, const std::string& to) {
  const Words words = {"rollback", kFirst, "--to", to};
  const bool leaves_new = to == "start" || to == "expand";
  if (leaves_new) {
    const Standing standing = Ask(kFirst);
    if (standing.Works(Version::kOld)) {
      Deploy(Deployment::kOld, standing);
    } else {
      Rest();
      deployed_ = Deployment::kOld;
    }
  }
  const Ended ended = RunWith(words, line.accident, line.at, line.act);
  if (ended.exit == 0 || (line.again && ended.met && Insist(words, true))) history_.Count(line.act);
  Settle();
}

void Operator::Two(const Line& line) {
  static const std::vector<std::pair<Words, Words>> kPairs = {
      {{"run", kFirst}, {"run", kFirst}},        {{"run", kFirst}, {"rollback", kFirst}},
      {{"checkpoint", kFirst}, {"run", kFirst}}, {{"rollback", kFirst}, {"rollback", kFirst}},
      {{"run", kFirst}, {"checkpoint", kFirst}}, {{"rollback", kFirst, "--to", "expand"}, {"run", kFirst}}};
  const auto& [one, other] = kPairs.at(static_cast<std::size_t>(line.choice));
  const bool back = one[0] == "rollback" || other[0] == "rollback";
  if (back) {
    Rest();
    deployed_ = Deployment::kOld;
  }
  Running first = ground_.Start(one);
  Running second = ground_.Start(other);
  for (Running* each : {&first, &second}) {
    const Ended ended = each->Wait();
    history_.Tell("at once: " + ended.Text());
    Check(ended);
  }
  history_.Count(line.act);
  Settle();
}

void Operator::Pause(const Line& line) {
  Run({"pause", kFirst});
  Running running = ground_.Start({"run", kFirst});
  const bool met = Befall(ground_, running, kFirst, line.accident, Typical(line.act) * line.at / 100);
  if (met) history_.Count(line.accident);
  Deploy(deployed_);
  Run({"resume", kFirst});
  if (met && line.accident == Accident::kStop) Wake(running);
  Ended ended = running.Wait();
  ended.met = met;
  history_.Tell(ended.Text());
  Check(ended);
  history_.Count(line.act);
  if (met && line.again) Insist({"run", kFirst}, false);
  Settle();
}

void Operator::Look(int choice) {
  static const std::vector<std::vector<Words>> kLooks = {
      {{"status"}, {"status", kSecond}},
      {{"diagnose", kFirst}},
      {{"watch", kFirst, "--once"}},
      {{"gate", kFirst}, {"gate", kFirst, "--for", "contract"}},
      {{"evidence", "build", kFirst}, {"evidence", "verify", kFirst}},
      {{"restore", kFirst, "--dry-run"}},
  };
  for (const Words& words : kLooks.at(static_cast<std::size_t>(choice))) Run(words);
  history_.Count(Act::kLook);
}

void Operator::RestoreBeside(const Line& line) {
  const Words words = {"restore", kFirst, "--salvage"};
  const Ended ended = RunWith(words, line.accident, line.at, line.act);
  if (ended.exit == 0) history_.Count(line.act);
  // Whoever has looked at it stops it.
  const base::Json result = ended.envelope.value("result", base::Json());
  if (ended.exit == 0 && result.is_object() && result.contains("stop")) {
    base::Run({.argv = {"sh", "-c", result["stop"].get<std::string>()}, .cwd = "/"});
  }
  Settle();
}

// Where the release stands, such an act is refused, and nothing but a refusal comes of it.
void Operator::Try(const Words& words, const Line& line) {
  const Ended ended = RunWith(words, line.accident, line.at, line.act);
  if (ended.exit == 0 || ended.exit == 10) history_.Count(line.act);
  Settle();
}

void Operator::Perform(const Line& line) {
  history_.Tell("ACT " + Text(line));
  const auto simple = [&](const Words& words) {
    const Ended ended = RunWith(words, line.accident, line.at, line.act);
    if (ended.exit == 0 || (line.again && ended.met && Insist(words, false))) history_.Count(line.act);
    Settle();
  };
  switch (line.act) {
    case Act::kPlan:
      return simple({"plan", kFirst});
    case Act::kCheckpoint: {
      const Standing standing = Ask(kFirst);
      if (!standing.planned) Run({"plan", kFirst});
      if (standing.planned && !standing.AtStart()) return Try({"checkpoint", kFirst}, line);
      return simple({"checkpoint", kFirst});
    }
    case Act::kRun:
      return simple(line.until.empty() ? Words{"run", kFirst} : Words{"run", kFirst, "--until", line.until});
    case Act::kPause:
      return Pause(line);
    case Act::kDeploy:
      Deploy(line.deployment);
      if (deployed_ == line.deployment) history_.Count(line.act);
      return std::this_thread::sleep_for(kWork);
    case Act::kContract:
      Deploy(Deployment::kNew);
      return simple({"contract", kFirst});
    case Act::kRollbackStart:
      return Back(line, "start");
    case Act::kRollbackExpand:
      return Back(line, "expand");
    case Act::kRollbackMigrate:
      return Back(line, "migrate");
    case Act::kRollbackSwitch:
      return Back(line, "switch");
    case Act::kRestore:
      return RestoreBeside(line);
    case Act::kSecondOperator:
      return Two(line);
    case Act::kSecondRelease:
      second_begun_ = true;
      return simple({"run", kSecond});
    case Act::kSecondBack:
      return simple({"rollback", kSecond});
    case Act::kLook:
      return Look(line.choice);
    case Act::kClose:
      return Try({"close", kFirst}, line);
    case Act::kPurge:
    case Act::kCutOver:
      return;
  }
}

bool Operator::Close(const std::string& release, bool back) {
  if (!Insist({"close", release}, back)) return false;
  history_.Count(Act::kClose);
  return true;
}

// As `status` says, step by step.
bool Operator::Complete(const std::string& release) {
  std::vector<std::string> said;
  for (int round = 0; round < kMostAttempts; ++round) {
    const Standing standing = Ask(release);
    if (standing.closed) return true;
    if (standing.Complete()) return Close(release, false);
    said.push_back(standing.next);
    const auto advised = Advised(standing.next, {"status", release}, false);
    if (!advised) break;
    if (!Insist(*advised, false)) return false;
    if (advised->front() == "purge") history_.Count(Act::kPurge);
    if (advised->front() == "contract") history_.Count(Act::kContract);
    if (release == kFirst) Deploy(Deployment::kNew);
  }
  history_.Fail(
      fmt::format("what status says does not lead to the end of {}:\n    {}", release, fmt::join(said, "\n    ")));
  return false;
}

bool Operator::GoBack(const std::string& release) {
  const bool first = release == kFirst;
  const Standing standing = Ask(release);
  if (first && standing.Works(Version::kOld)) {
    Deploy(Deployment::kOld, standing);
  } else if (first) {
    Rest();
  }
  if (!standing.planned) return true;
  if (!Insist({"rollback", release}, true)) return false;
  if (first) {
    Deploy(Deployment::kOld);
    std::this_thread::sleep_for(kWork);
  }
  return Close(release, true);
}

bool Operator::Decide(const std::string& file) {
  base::Json document = base::ReadJsonFile(file);
  if (script_.take_application) {
    for (base::Json& conflict : document["conflicts"]) conflict["take"] = "application";
  }
  conflicts_ = document["conflicts"];
  const std::filesystem::path decided = ground_.root() / "decided.json";
  base::WriteFile(decided, document.dump());
  return Insist({"restore", kFirst, "--resolve", decided.string()}, true);
}

bool Operator::CutOver() {
  if (!Ask(kFirst).planned) Insist({"plan", kFirst}, false);
  const Words words = {"restore", kFirst, "--salvage", "--cut-over"};
  for (const auto& application : applications_) application->AwaitFence();
  const Ended first = RunWith(words, script_.last, script_.last_at, Act::kCutOver);
  if (first.exit != 0 && !Insist(words, true)) return false;
  Rest();
  history_.Count(Act::kCutOver);
  const Standing standing = Ask(kFirst);
  const base::Json moved = standing.facts.value("cut_over", base::Json());
  if (!moved.is_object()) {
    history_.Fail("status does not tell of the cut-over");
    return false;
  }
  const base::Json salvaged = standing.facts.value("salvaged", base::Json());
  if (salvaged.is_object() && salvaged.value("as_restored", 0) > 0 && !Decide(salvaged.value("conflicts_file", ""))) {
    return false;
  }
  moved_to_ = moved["url"].get<std::string>();
  return true;
}

bool Operator::Finish() {
  history_.Tell(fmt::format("END {}", Name(script_.end)));
  if (script_.end == End::kCutOver) return CutOver();
  const auto second = [&] {
    if (!second_begun_) return true;
    return script_.second_complete ? Complete(kSecond) : GoBack(kSecond);
  };
  if (script_.last != Accident::kNone) {
    if (script_.end == End::kStart) {
      Back({.act = Act::kRollbackStart, .until = {}, .accident = script_.last, .at = script_.last_at}, "start");
    } else {
      Perform({.act = Act::kRun, .until = {}, .accident = script_.last, .at = script_.last_at});
    }
  }
  if (script_.second_first && !second()) return false;
  if (!(script_.end == End::kComplete ? Complete(kFirst) : GoBack(kFirst))) return false;
  return script_.second_first || second();
}

}  // namespace chaos
