#include "plan/step.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/error.h"

namespace plan {
namespace {

using base::Json;

constexpr std::array<std::pair<StepKind, std::string_view>, 5> kKinds = {{{StepKind::kSql, "sql"},
                                                                          {StepKind::kConcurrent, "concurrent"},
                                                                          {StepKind::kBackfill, "backfill"},
                                                                          {StepKind::kData, "data"},
                                                                          {StepKind::kOpaque, "opaque"}}};
constexpr std::array<std::pair<LockWork, std::string_view>, 3> kWorks = {
    {{LockWork::kNone, "none"}, {LockWork::kScan, "scan"}, {LockWork::kRewrite, "rewrite"}}};

template <typename Table>
auto FromName(const Table& table, const std::string& name) {
  for (const auto& [value, text] : table) {
    if (text == name) return value;
  }
  throw base::Error(base::Code::kBadJson, fmt::format("'{}' is not known in a plan", name));
}

Json NameJson(const pg::QualifiedName& name) { return Json::array({name.schema, name.name}); }
pg::QualifiedName NameOf(const Json& json) { return {json.at(0).get<std::string>(), json.at(1).get<std::string>()}; }

Json StatementsJson(const std::vector<Statement>& statements) {
  Json list = Json::array();
  for (const Statement& statement : statements) {
    Json entry = {{"sql", statement.sql}};
    if (!statement.only_if.empty()) entry["only_if"] = statement.only_if;
    list.push_back(entry);
  }
  return list;
}

std::vector<Statement> StatementsOf(const Json& json) {
  std::vector<Statement> statements;
  for (const Json& entry : json) statements.push_back({entry.at("sql"), entry.value("only_if", "")});
  return statements;
}

Json ConditionJson(const Condition& condition) {
  Json json = {{"sql", condition.sql}, {"text", condition.text}};
  if (condition.of_rows) json["of_rows"] = true;
  return json;
}
Condition ConditionOf(const Json& json) { return {json.at("sql"), json.at("text"), json.value("of_rows", false)}; }

Json BackfillJson(const Backfill& backfill) {
  Json json = {{"table", NameJson(backfill.table)},
               {"column", backfill.column},
               {"pending", backfill.pending},
               {"value", backfill.value},
               {"unconverted", backfill.unconverted},
               {"unconverted_reason", backfill.unconverted_reason},
               {"key", backfill.key}};
  if (!backfill.triggers.empty()) json["triggers"] = backfill.triggers;
  return json;
}

Backfill BackfillOf(const Json& json) {
  return {NameOf(json.at("table")), json.at("column"),
          json.at("pending"),       json.at("value"),
          json.at("unconverted"),   json.at("unconverted_reason"),
          json.at("key"),           json.value("triggers", std::vector<std::string>{})};
}

Json DataJson(const DataChange& data) {
  Json captures = Json::array();
  for (const DataChange::Capture& capture : data.captures) {
    captures.push_back({{"table", NameJson(capture.table)},
                        {"images", capture.images},
                        {"columns", capture.columns},
                        {"key", capture.key}});
  }
  return {{"capture_id", data.capture_id}, {"captures", captures}};
}

DataChange DataOf(const Json& json) {
  DataChange data{json.at("capture_id"), {}};
  for (const Json& entry : json.at("captures")) {
    data.captures.push_back({NameOf(entry.at("table")), entry.at("images"), entry.at("columns"), entry.at("key")});
  }
  return data;
}

}  // namespace

bool ColumnsEvident(const Step& step) {
  return step.data.has_value() || (step.backfill && step.backfill->triggers.empty());
}

std::string_view Name(StepKind kind) {
  for (const auto& [value, text] : kKinds) {
    if (value == kind) return text;
  }
  return "";
}

std::string_view Name(LockWork work) {
  for (const auto& [value, text] : kWorks) {
    if (value == work) return text;
  }
  return "";
}

Json ToJson(const Step& step) {
  Json locks = Json::array();
  for (const Lock& lock : step.locks) {
    locks.push_back({{"relation", NameJson(lock.relation)}, {"mode", lock.mode}, {"work", Name(lock.work)}});
  }
  Json footprint = Json::array();
  for (const Written& written : step.footprint) {
    footprint.push_back({{"table", NameJson(written.table)}, {"columns", written.columns}});
  }
  return {{"id", step.id},
          {"phase", Name(step.phase)},
          {"kind", Name(step.kind)},
          {"title", step.title},
          {"why", step.why},
          {"forward", StatementsJson(step.forward)},
          {"reverse", step.reverse ? StatementsJson(*step.reverse) : Json()},
          {"reverse_title", step.reverse_title},
          {"precondition", ConditionJson(step.precondition)},
          {"postcondition", ConditionJson(step.postcondition)},
          {"reverse_postcondition", ConditionJson(step.reverse_postcondition)},
          {"transactional", step.transactional},
          {"search_path", step.search_path},
          {"locks", locks},
          {"footprint", footprint},
          {"backfill", step.backfill ? BackfillJson(*step.backfill) : Json()},
          {"data", step.data ? DataJson(*step.data) : Json()},
          {"index", step.index}};
}

Step StepFromJson(const Json& json) {
  Step step;
  step.id = json.at("id");
  step.phase = ParsePhase(json.at("phase").get<std::string>());
  step.kind = FromName(kKinds, json.at("kind"));
  step.title = json.at("title");
  step.why = json.at("why");
  step.forward = StatementsOf(json.at("forward"));
  step.reverse.reset();
  if (!json.at("reverse").is_null()) step.reverse = StatementsOf(json.at("reverse"));
  step.reverse_title = json.at("reverse_title");
  step.precondition = ConditionOf(json.at("precondition"));
  step.postcondition = ConditionOf(json.at("postcondition"));
  step.reverse_postcondition = ConditionOf(json.at("reverse_postcondition"));
  step.transactional = json.at("transactional");
  step.search_path = json.at("search_path");
  for (const Json& lock : json.at("locks")) {
    step.locks.push_back({NameOf(lock.at("relation")), lock.at("mode"), FromName(kWorks, lock.at("work"))});
  }
  for (const Json& written : json.at("footprint")) {
    step.footprint.push_back({NameOf(written.at("table")), written.at("columns")});
  }
  if (!json.at("backfill").is_null()) step.backfill = BackfillOf(json.at("backfill"));
  if (!json.at("data").is_null()) step.data = DataOf(json.at("data"));
  step.index = json.at("index");
  return step;
}

}  // namespace plan
