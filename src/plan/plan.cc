#include "plan/plan.h"

#include <algorithm>

#include "base/digest.h"
#include "base/error.h"

namespace plan {
namespace {

using base::Json;

constexpr int kVersion = 2;

Json StepsJson(const std::vector<Step>& steps) {
  Json list = Json::array();
  for (const Step& step : steps) list.push_back(ToJson(step));
  return list;
}

Json PairsJson(const std::vector<Pair>& pairs) {
  Json list = Json::array();
  for (const Pair& pair : pairs) list.push_back(ToJson(pair));
  return list;
}

Json AdditiveJson(const Plan& plan) {
  Json list = Json::array();
  for (const auto& [table, columns] : plan.additive) {
    list.push_back({{"table", Json::array({table.schema, table.name})}, {"columns", columns}});
  }
  return list;
}

}  // namespace

std::optional<std::size_t> Plan::PointOfNoReturn() const {
  const auto step = std::find_if(steps.begin(), steps.end(), [](const Step& s) { return !s.reverse; });
  if (step == steps.end()) return std::nullopt;
  return static_cast<std::size_t>(step - steps.begin());
}

std::vector<Phase> Plan::Phases() const {
  std::vector<Phase> phases;
  for (const Step& step : steps) {
    if (phases.empty() || phases.back() != step.phase) phases.push_back(step.phase);
  }
  return phases;
}

std::size_t Plan::EndOf(Phase phase) const {
  const auto step = std::find_if(steps.begin(), steps.end(), [phase](const Step& s) { return s.phase > phase; });
  return static_cast<std::size_t>(step - steps.begin());
}

std::string DigestOf(const Plan& plan) {
  Json covered = {{"release", plan.release},
                  {"steps", StepsJson(plan.steps)},
                  {"pairs", PairsJson(plan.pairs)},
                  {"claims", ToJson(plan.claims)},
                  {"touched", plan.touched}};
  if (!plan.additive.empty()) covered["additive"] = AdditiveJson(plan);
  return "sha256:" + base::Sha256Hex(base::Canonical(covered));
}

Json ToJson(const Plan& plan) {
  Json notices = Json::array();
  for (const Notice& notice : plan.notices) notices.push_back({{"phase", Name(notice.phase)}, {"text", notice.text}});
  Json blockers = Json::array();
  for (const Blocker& blocker : plan.blockers) {
    blockers.push_back({{"object", blocker.object},
                        {"reason", blocker.reason},
                        {"remedy", blocker.remedy},
                        {"line", blocker.line},
                        {"column", blocker.column}});
  }
  Json tables = Json::array();
  for (const pg::QualifiedName& table : plan.tables) tables.push_back(Json::array({table.schema, table.name}));
  const auto no_return = plan.PointOfNoReturn();
  return {{"version", kVersion},
          {"release", plan.release},
          {"title", plan.title},
          {"hex", plan.hex},
          {"digest", plan.digest},
          {"steps", StepsJson(plan.steps)},
          {"point_of_no_return", no_return ? Json(plan.steps[*no_return].id) : Json()},
          {"notices", notices},
          {"blockers", blockers},
          {"tables", tables},
          {"pairs", PairsJson(plan.pairs)},
          {"additive", AdditiveJson(plan)},
          {"claims", ToJson(plan.claims)},
          {"touched", plan.touched},
          {"observed", plan.observed}};
}

Plan PlanFromJson(const Json& json) {
  Plan plan;
  try {
    if (json.at("version") != kVersion) throw base::Error(base::Code::kBadJson, "the plan is of another version");
    plan.release = json.at("release");
    plan.title = json.at("title");
    plan.hex = json.at("hex");
    for (const Json& step : json.at("steps")) plan.steps.push_back(StepFromJson(step));
    for (const Json& notice : json.at("notices")) {
      plan.notices.push_back({ParsePhase(notice.at("phase").get<std::string>()), notice.at("text")});
    }
    for (const Json& entry : json.at("blockers")) {
      plan.blockers.push_back(
          {entry.at("object"), entry.at("reason"), entry.at("remedy"), entry.at("line"), entry.at("column")});
    }
    for (const Json& table : json.at("tables")) plan.tables.push_back({table.at(0), table.at(1)});
    for (const Json& pair : json.at("pairs")) plan.pairs.push_back(PairFromJson(pair));
    for (const Json& entry : json.at("additive")) {
      const Json& table = entry.at("table");
      plan.additive[{table.at(0), table.at(1)}] = entry.at("columns").get<std::set<std::string>>();
    }
    plan.claims = ClaimsFromJson(json.at("claims"));
    plan.touched = json.at("touched");
    plan.observed = json.at("observed");
    plan.digest = json.at("digest");
    if (plan.digest != DigestOf(plan)) {
      throw base::Error(base::Code::kPlanTampered, "the plan's digest is not that of its content")
          .Detail("it says " + plan.digest + ", its content gives " + DigestOf(plan));
    }
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kInternal) throw;  // it has no canonical form
    throw base::Error(base::Code::kBadJson, "plan.lock.json is broken").Detail(error.message());
  } catch (const Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "the plan has another shape than version 2 says").Detail(error.what());
  }
  return plan;
}

std::string AuthorsPath(const Plan& plan) {
  for (const Step& step : plan.steps) {
    if (!step.search_path.empty()) return step.search_path;
  }
  return "";
}

}  // namespace plan
