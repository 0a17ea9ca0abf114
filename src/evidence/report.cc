#include "evidence/report.h"

#include <fmt/core.h>

#include <chrono>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "evidence/markdown.h"
#include "evidence/runs.h"

namespace evidence {
namespace {

using base::Json;
using Rows = std::vector<std::vector<std::string>>;

std::string Shown(const Json& value) {
  if (value.is_null()) return "–";
  return Escape(value.is_string() ? value.get<std::string>() : value.dump());
}
std::string Shown(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) ? Shown(object.at(key)) : "–";
}
std::string Took(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object.at(key).is_number()) return "–";
  return base::FormatDuration(std::chrono::milliseconds(object.at(key).get<std::int64_t>()));
}

std::string Section(const std::string& title, const std::vector<std::string>& head, const Rows& rows,
                    const std::string& none) {
  return fmt::format("\n### {}\n\n{}", title, rows.empty() ? none + "\n" : Table(head, rows));
}

std::string StandingText(const Json& standing) {
  std::string text = fmt::format("after phase **{}**, {} of {} steps done", Shown(standing, "phase"),
                                 Shown(standing, "steps_done"), Shown(standing, "steps"));
  const Json& flight = standing.at("in_flight");
  if (!flight.is_null()) {
    text += fmt::format("; step {} ({}) {}", Shown(flight, "step"), Shown(flight, "direction"),
                        flight.at("failed").get<bool>() ? "**failed**" : "was begun, and its end is **not on record**");
  } else if (!standing.at("at_boundary").get<bool>()) {
    text += ", inside the next phase";
  }
  return text;
}

std::string Provenness(const Json& way) {
  if (way.at("proven_at").is_null()) return "never";
  const std::string took = Took(way, "measured_ms");
  return Shown(way, "proven_at") + (took == "–" ? "" : ", took " + took);
}

std::string LastVerdicts(const Json& evidence) {
  std::string text;
  for (const Json& verdict : evidence.at("rollout").at("verdicts")) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", Shown(verdict, "phase"), Shown(verdict, "decision"));
  }
  return text.empty() ? "the gate was not asked" : text;
}

std::string PointText(const Json& point) {
  if (point.is_null()) return "none";
  return fmt::format("step {} (phase {}), {}{}", Shown(point, "step"), Shown(point, "phase"),
                     point.at("passed").get<bool>() ? "**passed**" : "not passed",
                     point.at("accepted").get<bool>() ? ", accepted" : "");
}

std::string FirstScreen(const Json& evidence) {
  const Json& release = evidence.at("release");
  const Json& rollback = evidence.at("rollback");
  const Json& remediation = evidence.at("remediation");
  const Json& window = rollback.at("window");
  const std::string owner = TextAt(rollback, "owner");
  std::string text = fmt::format("# {}\n\n", Shown(release, "title"));
  text += Table({"", ""}, {{"Release", fmt::format("{} in {}", Shown(release, "name"), Shown(release, "environment"))},
                           {"Stands", StandingText(evidence.at("standing"))},
                           {"Verdicts", LastVerdicts(evidence)},
                           {"Owner of the way back", owner.empty() ? "**nobody**" : Shown(owner)},
                           {"Rollback window", fmt::format("{}, opened {}, closes {}", Took(window, "length_ms"),
                                                           Shown(window, "opened_at"), Shown(window, "closes_at"))},
                           {"Point of no return", PointText(rollback.at("point_of_no_return"))},
                           {"Failures, interruptions, refusals",
                            fmt::format("{}, {}, {}", remediation.at("failures").size(),
                                        remediation.at("interruptions").size(), remediation.at("refusals").size())},
                           {"Ways back taken", std::to_string(remediation.at("ways_back").size())},
                           {"Journal", fmt::format("{} lines, head {}", Shown(evidence.at("journal"), "count"),
                                                   Shown(evidence.at("journal"), "head"))},
                           {"Built", fmt::format("{} by switchback {}", Shown(evidence, "built_at"),
                                                 Shown(evidence.at("built_by"), "version"))}});
  Rows ways;
  for (const Json& way : rollback.at("ways")) {
    ways.push_back({Shown(way, "way"), Shown(way, "prepared"), Provenness(way), Shown(way, "why")});
  }
  return text + Section("Ways back", {"way", "prepared", "proven", ""}, ways, "");
}

// The locks that an outcome recorded: "ACCESS EXCLUSIVE public.users, held 12 ms".
std::string Locks(const Json& run) {
  if (!run.contains("locks") || !run.at("locks").is_array()) return "–";
  std::string text;
  for (const Json& lock : run.at("locks")) {
    text += fmt::format("{}{} {}, held {}", text.empty() ? "" : "; ", Shown(lock, "mode"), Shown(lock, "relation"),
                        Took(lock, "hold_ms"));
  }
  return text.empty() ? "–" : text;
}

std::string RolloutPart(const Json& rollout) {
  Rows attempts;
  for (const Json& step : rollout.at("steps")) {
    bool tried = false;
    for (const char* direction : {"forward", "reverse"}) {
      for (const Json& run : step.at(direction)) {
        attempts.push_back({Shown(step, "id"), Shown(step, "title"), direction, Shown(run, "result"),
                            Shown(run, "began_at"), Took(run, "duration_ms"), Shown(run, "rows"), Locks(run)});
        tried = true;
      }
    }
    if (!tried) attempts.push_back({Shown(step, "id"), Shown(step, "title"), "–", "not begun"});
  }
  Rows checks;
  for (const Json& verdict : rollout.at("verdicts")) {
    for (const Json& check : verdict.value("checks", Json::array())) {
      checks.push_back({Shown(verdict, "at"), Shown(verdict, "phase"), Shown(verdict, "decision"), Shown(check, "id"),
                        Shown(check, "result"), Shown(check, "reason")});
    }
  }
  Rows wrote;
  Rows alarms;
  Rows unverified;
  Rows unseen;
  for (const Json& audit : rollout.at("audits")) {
    for (const Json& step : audit.at("steps")) {
      for (const auto& [table, counts] : step.at("wrote").items()) {
        wrote.push_back({Shown(step, "step"), Shown(step, "direction"), Escape(table), Shown(counts, "inserted"),
                         Shown(counts, "updated"), Shown(counts, "deleted")});
      }
    }
    for (const Json& alarm : audit.at("alarms")) {
      alarms.push_back({Shown(audit, "seq"), Shown(audit, "at"), Shown(alarm)});
    }
    for (const Json& each : audit.at("unverified")) {
      const Json& first = each.at("first");
      unverified.push_back({Shown(audit, "seq"), Shown(each, "transactions"), Shown(each, "touches"),
                            Shown(first, "at"), Shown(first, "xid"), Shown(first, "message")});
    }
    for (const Json& sentence : audit.at("not_evidenced")) unseen.push_back({Shown(audit, "seq"), Shown(sentence)});
  }
  return "\n## Rollout results\n" +
         Section("Steps", {"step", "what", "direction", "result", "began", "took", "rows", "locks"}, attempts,
                 "The plan has no steps.") +
         Section("What the steps wrote", {"step", "direction", "table", "inserted", "updated", "deleted"}, wrote,
                 "Not evidenced: no audit saw a step write.") +
         Section("Alarms: written and not declared", {"seq", "at", ""}, alarms, "None.") +
         Section("Transactions with a tag that does not verify, which count as the applications'",
                 {"seq", "transactions", "of this release's tables", "first at", "xid", "message"}, unverified,
                 "None.") +
         Section("Not evidenced", {"seq", ""}, unseen, "Nothing is on record.") +
         Section("Verdicts", {"at", "phase", "verdict", "check", "result", "reason"}, checks,
                 "The gate was not asked.");
}

// What is left of an entry beside the members that have a column of their own.
std::string Rest(Json entry, const std::vector<const char*>& shown) {
  for (const char* key : shown) entry.erase(key);
  return entry.empty() ? "" : Escape(entry.dump());
}

Rows EntryRows(const Json& entries, const std::vector<const char*>& keys) {
  Rows rows;
  for (const Json& entry : entries) {
    std::vector<std::string> row;
    for (const char* key : keys) row.push_back(Shown(entry, key));
    row.push_back(Rest(entry, keys));
    rows.push_back(row);
  }
  return rows;
}

std::string RemediationPart(const Json& part) {
  Rows refusals;
  for (const Json& verdict : part.at("refusals")) {
    for (const Json& check : verdict.value("checks", Json::array())) {
      const std::string result = TextAt(check, "result");
      if (result == "pass" || result == "skipped") continue;
      refusals.push_back({Shown(verdict, "at"), Shown(verdict, "phase"), Shown(verdict, "decision"),
                          Shown(check, "reason"), Shown(check, "remedy")});
    }
  }
  Rows ways;
  for (const Json& way : part.at("ways_back")) {
    ways.push_back({Shown(way, "at"), Shown(way, "way"), Took(way, "measured_ms"),
                    Rest(way, {"at", "way", "measured_ms", "seq", "ended_at"})});
  }
  Rows failures;
  for (const Json& failure : part.at("failures")) {
    const Json error = failure.value("error", Json::object());
    const std::string detail = TextAt(error, "detail");
    failures.push_back({Shown(failure, "seq"), Shown(failure, "at"), Shown(failure, "step"),
                        Shown(failure, "direction"),
                        fmt::format("{}: {}{}{}", Shown(error, "code"), Shown(error, "message"),
                                    detail.empty() ? "" : "; ", Escape(detail))});
  }
  const auto entries = [&part](const char* title, const char* name, const std::vector<const char*>& keys) {
    std::vector<std::string> head(keys.begin(), keys.end());
    head.emplace_back("");
    return Section(title, head, EntryRows(part.at(name), keys), "None.");
  };
  return "\n## Remediation notes\n" +
         Section("Failures", {"seq", "at", "step", "direction", "error"}, failures, "None.") +
         entries("Interruptions", "interruptions", {"seq", "at", "step", "direction"}) +
         entries("Retries", "retries", {"seq", "at", "step", "attempt"}) +
         Section("Refusals", {"at", "phase", "verdict", "reason", "remedy"}, refusals, "None.") +
         entries("Acceptances", "acceptances", {"seq", "at"}) +
         entries("Alarms accepted", "alarms_accepted", {"seq", "at"}) +
         entries("Rollback conditions that fired", "conditions_fired", {"seq", "at", "condition", "found", "max"}) +
         Section("Ways back taken", {"at", "way", "took", ""}, ways, "None.") +
         entries("Rows that a way back left alone", "rows_kept", {"seq", "at", "step"}) +
         entries("Lines that the database went on without", "parted", {"seq", "at", "texts"}) +
         entries("Notes", "notes", {"seq", "at", "text"});
}

std::string ConditionsPart(const Json& evidence) {
  Rows conditions;
  for (const Json& condition : evidence.at("rollback").at("conditions")) {
    const bool sql = !TextAt(condition, "sql").empty();
    conditions.push_back({Shown(condition, "name"), Shown(condition, sql ? "sql" : "prometheus"),
                          Shown(condition, "max"), Shown(condition, "for"), Shown(condition, "then")});
  }
  Rows invariants;
  for (const Json& invariant : evidence.at("release").at("invariants")) {
    invariants.push_back({Shown(invariant, "name"), Shown(invariant, "sql"), Shown(invariant, "expect")});
  }
  Rows digests = {{"the plan's own", Shown(evidence, "plan_digest")}};
  for (const auto& [name, digest] : evidence.at("digests").items()) digests.push_back({Escape(name), Shown(digest)});
  return "\n## Rollback conditions\n" +
         Section("Conditions", {"name", "measured by", "at most", "for", "then"}, conditions,
                 "release.yaml declares none.") +
         Section("Invariants", {"name", "query", "expected"}, invariants, "release.yaml declares none.") +
         Section("Digests", {"of", ""}, digests, "");
}

}  // namespace

std::string Report(const Json& evidence) {
  try {
    return FirstScreen(evidence) + RolloutPart(evidence.at("rollout")) + RemediationPart(evidence.at("remediation")) +
           ConditionsPart(evidence) + "\nCheck this package with `switchback evidence verify`.\n";
  } catch (const Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "cannot understand evidence.json").Detail(error.what());
  }
}

}  // namespace evidence
