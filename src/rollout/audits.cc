#include "rollout/audits.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/text.h"

namespace rollout {
namespace {

using base::Json;

constexpr const char* kUnverified = "a tag that does not verify";

// What an alarm is about, whichever rows it has seen of it. An acceptance holds for that.
Json About(const Json& alarm, const std::string& plan) {
  return {{"plan", plan},
          {"step", alarm.value("step", "")},
          {"direction", alarm.value("direction", "")},
          {"table", alarm.value("table", "")},
          {"what", alarm.value("what", "")}};
}

Json AboutUnverified(const Json& table, const std::string& plan) {
  return About({{"table", table}, {"what", kUnverified}}, plan);
}

// Calls `take` with each `audited` event and the plan that the release then ran with.
void EachAudit(const journal::Journal& journal,
               const std::function<void(const journal::Event& event, const std::string& plan)>& take) {
  std::string plan;
  const journal::Counting counting(journal.events());
  for (const journal::Event& event : counting.events()) {
    if (event.kind == "opened") plan = event.body.value("plan", "");
    if (event.kind == "audited") take(event, plan);
  }
}

// Of these, what nobody accepted.
std::set<Json> Standing(const journal::Journal& journal) {
  std::set<Json> standing;
  EachAudit(journal, [&](const journal::Event& event, const std::string& plan) {
    for (const Json& alarm : event.body.at("alarms")) standing.insert(About(alarm, plan));
    for (const Json& unverified : event.body.at("unverified")) {
      for (const Json& table : unverified.at("touches")) standing.insert(AboutUnverified(table, plan));
    }
  });
  for (const journal::Event& event : journal.events()) {
    if (event.kind != "alarms_accepted") continue;
    for (const Json& about : event.body.at("alarms")) standing.erase(about);
  }
  return standing;
}

void AddUnverified(const Json& more, std::vector<Json>& all) {
  const auto same =
      std::find_if(all.begin(), all.end(), [&](const Json& each) { return each.at("touches") == more.at("touches"); });
  if (same == all.end()) {
    all.push_back(more);
  } else {
    (*same)["transactions"] =
        same->at("transactions").get<std::int64_t>() + more.at("transactions").get<std::int64_t>();
  }
}

void AddSentences(const Json& sentences, std::vector<std::string>& all) {
  for (const Json& sentence : sentences) {
    const auto text = sentence.get<std::string>();
    if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
  }
}

}  // namespace

std::string AlarmText(const Json& alarm) {
  const std::string step = alarm.value("step", "");
  const std::int64_t rows = alarm.value("rows", std::int64_t{0});
  std::string text = fmt::format("{}{}: {}: {}", step.empty() ? "no step" : step,
                                 alarm.value("direction", "") == "reverse" ? " (reverse)" : "",
                                 base::OneLine(alarm.value("table", "")), base::OneLine(alarm.value("what", "")));
  if (rows > 0) text += fmt::format(", {} row{}", rows, rows == 1 ? "" : "s");
  const Json first = alarm.value("first", Json::array());
  if (!first.empty() && !first.front().value("key", Json::object()).empty()) {
    text += fmt::format(", the first {}", first.front().at("key").dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return text;
}

std::string UnverifiedText(const Json& unverified) {
  const auto transactions = unverified.at("transactions").get<std::int64_t>();
  const Json& first = unverified.at("first");
  std::string text =
      fmt::format("{} transaction{} with a tag that does not verify count{} as the applications', the first {} at {}",
                  transactions, transactions == 1 ? "" : "s", transactions == 1 ? "s" : "",
                  first.value("xid", std::int64_t{0}), first.value("at", ""));
  const auto touches = unverified.at("touches").get<std::vector<std::string>>();
  if (!touches.empty())
    text += fmt::format("; of this release's tables: {}", base::OneLine(fmt::format("{}", fmt::join(touches, ", "))));
  return text;
}

Audits ReadAudits(const journal::Journal& journal) {
  Audits audits;
  const std::set<Json> standing = Standing(journal);
  const journal::Counting counting(journal.events());
  for (const journal::Event& event : counting.events()) {
    if (event.kind == "checkpoint") {
      audits.not_evidenced.clear();
      audits.lost.clear();
    }
    if (event.kind != "audited") continue;
    audits.steps += static_cast<std::int64_t>(event.body.at("steps").size());
    audits.lost = event.body.at("lost").get<std::string>();
    AddSentences(event.body.at("not_evidenced"), audits.not_evidenced);
  }
  std::vector<Json> touching;
  EachAudit(journal, [&](const journal::Event& event, const std::string& plan) {
    for (const Json& alarm : event.body.at("alarms")) {
      if (standing.contains(About(alarm, plan))) audits.alarms.push_back(AlarmText(alarm));
    }
    for (const Json& unverified : event.body.at("unverified")) {
      AddUnverified(unverified, audits.unverified);
      const Json& touches = unverified.at("touches");
      const bool stands = std::any_of(touches.begin(), touches.end(), [&](const Json& table) {
        return standing.contains(AboutUnverified(table, plan));
      });
      if (stands) AddUnverified(unverified, touching);
    }
  });
  for (const Json& unverified : touching) audits.touching.push_back(UnverifiedText(unverified));
  return audits;
}

void AcceptAlarms(journal::Journal& journal) {
  const std::set<Json> standing = Standing(journal);
  if (standing.empty()) return;
  journal.Append("alarms_accepted", {{"alarms", standing}});
}

}  // namespace rollout
