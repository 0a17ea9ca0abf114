#include "plan/text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <array>

#include "base/text.h"
#include "plan/phase.h"

namespace plan {
namespace {

std::string_view WorkName(LockWork work) {
  switch (work) {
    case LockWork::kNone:
      return "none";
    case LockWork::kScan:
      return "scan";
    case LockWork::kRewrite:
      break;
  }
  return "rewrite";
}

std::string WorkText(LockWork work) {
  switch (work) {
    case LockWork::kNone:
      return "no scan, no rewrite";
    case LockWork::kScan:
      return "scans the table";
    case LockWork::kRewrite:
      break;
  }
  return "REWRITES the table";
}

std::string WayBack(const Step& step) {
  if (!step.reverse) return "NONE: this is a point of no return";
  return step.reverse_title.empty() ? "nothing to do" : step.reverse_title;
}

// What rules make declares exactly what it writes; of an opaque step it is the author's word.
std::string DeclaredWrites(const Step& step) {
  std::string text;
  for (const Written& written : step.footprint) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", base::OneLine(written.table.Text()),
                        base::OneLine(fmt::format("{}", fmt::join(written.columns, ", "))));
  }
  return text.empty() ? "no row, or the run stops; what it may write belongs under `writes` in release.yaml" : text;
}

std::string Place(const Blocker& blocker) {
  return blocker.line > 0 ? fmt::format(" (change.sql:{}:{})", blocker.line, blocker.column) : "";
}

std::string ShowTables(const Plan& plan) {
  std::string out;
  const base::Json tables = plan.observed.value("tables", base::Json::object());
  for (const auto& [name, size] : tables.items()) {
    out += fmt::format("\n  {}: about {} rows, {}", base::OneLine(name), size.value("rows", 0L),
                       base::FormatBytes(size.value("bytes", std::int64_t{0})));
  }
  return out.empty() ? "" : "\n\ntables" + out;
}

std::string ShowSteps(const Plan& plan) {
  std::string out;
  for (const Phase phase : plan.Phases()) {
    out += fmt::format("\n\n{}", Name(phase));
    for (const Step& step : plan.steps) {
      if (step.phase != phase) continue;
      out += fmt::format("\n  {:<12} {}", step.id, step.title);
      if (!step.why.empty()) out += fmt::format("\n{:15}why: {}", "", step.why);
      for (const Lock& lock : step.locks) {
        out += fmt::format("\n{:15}lock: {} on {}, {}", "", lock.mode, base::OneLine(lock.relation.Text()),
                           WorkText(lock.work));
      }
      if (!step.transactional) out += fmt::format("\n{:15}runs outside a transaction", "");
      if (step.kind == StepKind::kOpaque) out += fmt::format("\n{:15}writes: {}", "", DeclaredWrites(step));
      out += fmt::format("\n{:15}way back: {}", "", WayBack(step));
    }
  }
  return out;
}

std::string ShowPointOfNoReturn(const Plan& plan) {
  const std::optional<std::size_t> point = plan.PointOfNoReturn();
  if (!point) return "\n\npoint of no return: none";
  const Step& step = plan.steps[*point];
  if (!NeedsAcceptance(plan))
    return fmt::format("\n\npoint of no return: {} ({}), as late as it can be", step.id, step.title);
  return fmt::format("\n\nPOINT OF NO RETURN: {} ({}), before purge. It runs only with --accept-point-of-no-return.",
                     step.id, step.title);
}

base::Json StepFacts(const Step& step) {
  base::Json facts = {{"id", step.id},
                      {"phase", Name(step.phase)},
                      {"kind", Name(step.kind)},
                      {"title", step.title},
                      {"why", step.why},
                      {"transactional", step.transactional},
                      {"locks", base::Json::array()},
                      {"writes", base::Json::object()},
                      {"way_back", step.reverse ? base::Json(WayBack(step)) : base::Json(nullptr)}};
  for (const Lock& lock : step.locks) {
    facts["locks"].push_back({{"relation", lock.relation.Text()}, {"mode", lock.mode}, {"work", WorkName(lock.work)}});
  }
  for (const Written& written : step.footprint) facts["writes"][written.table.Text()] = written.columns;
  return facts;
}

}  // namespace

bool NeedsAcceptance(const Plan& plan) {
  const std::optional<std::size_t> point = plan.PointOfNoReturn();
  return point && plan.steps[*point].phase != Phase::kPurge;
}

std::string Text(const Plan& plan) {
  std::string out = plan.title.empty() ? plan.release : fmt::format("{}: {}", plan.release, base::OneLine(plan.title));
  if (!plan.blockers.empty()) {
    out += "\n\nBLOCKED: there is no plan until these are gone";
    for (const Blocker& blocker : plan.blockers) {
      out += fmt::format("\n  {}{}: {}\n    {}", blocker.object, Place(blocker), blocker.reason, blocker.remedy);
    }
    return out;
  }
  out += fmt::format("\nplan {}, {} step{}", plan.digest, plan.steps.size(), plan.steps.size() == 1 ? "" : "s");
  out += ShowTables(plan) + ShowSteps(plan) + ShowPointOfNoReturn(plan);
  if (!plan.notices.empty()) out += "\n\nwhat to expect";
  for (const Notice& notice : plan.notices) out += fmt::format("\n  from {} on: {}", Name(notice.phase), notice.text);
  return out;
}

base::Json Facts(const Plan& plan) {
  base::Json facts = {{"digest", plan.digest},
                      {"title", plan.title},
                      {"blocked", !plan.blockers.empty()},
                      {"phases", base::Json::array()},
                      {"steps", base::Json::array()},
                      {"observed", plan.observed},
                      {"point_of_no_return", nullptr},
                      {"needs_acceptance", NeedsAcceptance(plan)},
                      {"notices", base::Json::array()},
                      {"blockers", base::Json::array()}};
  for (const Phase phase : plan.Phases()) facts["phases"].push_back(Name(phase));
  for (const Step& step : plan.steps) facts["steps"].push_back(StepFacts(step));
  if (const std::optional<std::size_t> point = plan.PointOfNoReturn())
    facts["point_of_no_return"] = plan.steps[*point].id;
  for (const Notice& notice : plan.notices)
    facts["notices"].push_back({{"phase", Name(notice.phase)}, {"text", notice.text}});
  for (const Blocker& blocker : plan.blockers) {
    facts["blockers"].push_back({{"object", blocker.object},
                                 {"reason", blocker.reason},
                                 {"remedy", blocker.remedy},
                                 {"line", blocker.line},
                                 {"column", blocker.column}});
  }
  return facts;
}

}  // namespace plan
