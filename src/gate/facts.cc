#include "gate/facts.h"

#include <type_traits>

#include "base/error.h"

namespace gate {
namespace {

using base::Json;
using std::chrono::milliseconds;

Json Of(const std::string& value) { return value; }
Json Of(bool value) { return value; }
Json Of(milliseconds value) { return value.count(); }
Json Of(const std::vector<std::string>& value) { return value; }
Json Of(const CheckpointFact& value) {
  Json json = {{"digest", value.digest},
               {"recorded_digest", value.recorded_digest},
               {"plan_digest", value.plan_digest},
               {"system_identifier", value.system_identifier},
               {"taken_at", base::FormatTime(value.taken_at)}};
  if (value.restorable) json["restorable"] = *value.restorable;
  if (!value.not_restorable.empty()) json["not_restorable"] = value.not_restorable;
  return json;
}
Json Of(const PointOfNoReturnFact& value) {
  return {{"exists", value.exists}, {"step", value.step}, {"phase", value.phase}, {"accepted", value.accepted}};
}
Json Of(const InvariantFact& value) {
  Json json = {{"name", value.name}, {"expected", value.expected}, {"found", value.found}, {"error", value.error}};
  if (value.holds) json["holds"] = *value.holds;
  return json;
}
Json Of(const std::vector<InvariantFact>& value) {
  Json json = Json::array();
  for (const InvariantFact& invariant : value) json.push_back(Of(invariant));
  return json;
}
Json Of(const UnconvertedFact& value) { return {{"count", value.count}, {"rows", value.rows}}; }
Json Of(const StreamFact& value) {
  return {
      {"has_slot", value.has_slot}, {"lost", value.lost}, {"soon_lost", value.soon_lost}, {"archive", value.archive}};
}
Json Of(const FootprintFact& value) {
  return {{"steps", value.steps},
          {"alarms", value.alarms},
          {"touching", value.touching},
          {"not_evidenced", value.not_evidenced}};
}
Json Of(const FenceFact& value) { return {{"tables", value.tables}, {"new_server", value.new_server}}; }
Json Of(const PromotionFact& value) {
  return {{"after", value.after},           {"unknown", value.unknown}, {"reached", value.reached},
          {"taken_back", value.taken_back}, {"plan", value.plan},       {"differences", value.differences},
          {"accepted", value.accepted}};
}
Json Of(const LossFact& value) {
  const auto time = [](const std::optional<base::Time>& at) { return at ? Json(base::FormatTime(*at)) : Json(); };
  Json tables = Json::array();
  for (const LossFact::Table& table : value.tables) {
    tables.push_back({{"table", table.name},
                      {"inserted", table.inserted},
                      {"updated", table.updated},
                      {"deleted", table.deleted},
                      {"truncated", table.truncated}});
  }
  return {{"not_evidenced", value.not_evidenced},
          {"evidence", value.evidence},
          {"note", value.note},
          {"at_least", value.at_least},
          {"transactions", value.transactions},
          {"first", time(value.first)},
          {"last", time(value.last)},
          {"tables", tables},
          {"unnamed", value.unnamed},
          {"uncovered", value.uncovered},
          {"applications", value.applications},
          {"restore_takes_ms", value.restore_takes ? Json(value.restore_takes->count()) : Json()}};
}

template <typename T>
void Put(Json& json, const char* key, const std::optional<T>& value) {
  if (value) json[key] = Of(*value);
}

void Read(const Json& json, std::string& value) { json.get_to(value); }
void Read(const Json& json, bool& value) { json.get_to(value); }
void Read(const Json& json, milliseconds& value) { value = milliseconds(json.get<std::int64_t>()); }
void Read(const Json& json, std::vector<std::string>& value) { json.get_to(value); }
template <typename T>
void Take(const Json& json, const char* key, std::optional<T>& value);

void Read(const Json& json, CheckpointFact& value) {
  json.at("digest").get_to(value.digest);
  json.at("recorded_digest").get_to(value.recorded_digest);
  json.at("plan_digest").get_to(value.plan_digest);
  json.at("system_identifier").get_to(value.system_identifier);
  value.taken_at = base::ParseTime(json.at("taken_at").get<std::string>());
  Take(json, "restorable", value.restorable);
  value.not_restorable = json.value("not_restorable", "");
}
void Read(const Json& json, PointOfNoReturnFact& value) {
  json.at("exists").get_to(value.exists);
  json.at("step").get_to(value.step);
  json.at("phase").get_to(value.phase);
  json.at("accepted").get_to(value.accepted);
}
void Read(const Json& json, InvariantFact& value) {
  json.at("name").get_to(value.name);
  json.at("expected").get_to(value.expected);
  json.at("found").get_to(value.found);
  json.at("error").get_to(value.error);
  Take(json, "holds", value.holds);
}
void Read(const Json& json, std::vector<InvariantFact>& value) {
  for (const Json& item : json) Read(item, value.emplace_back());
}
void Read(const Json& json, UnconvertedFact& value) {
  json.at("count").get_to(value.count);
  json.at("rows").get_to(value.rows);
}
void Read(const Json& json, StreamFact& value) {
  json.at("has_slot").get_to(value.has_slot);
  json.at("lost").get_to(value.lost);
  json.at("soon_lost").get_to(value.soon_lost);
  json.at("archive").get_to(value.archive);
}
void Read(const Json& json, FootprintFact& value) {
  json.at("steps").get_to(value.steps);
  json.at("alarms").get_to(value.alarms);
  json.at("touching").get_to(value.touching);
  json.at("not_evidenced").get_to(value.not_evidenced);
}
void Read(const Json& json, FenceFact& value) {
  json.at("tables").get_to(value.tables);
  json.at("new_server").get_to(value.new_server);
}
void Read(const Json& json, PromotionFact& value) {
  json.at("after").get_to(value.after);
  json.at("unknown").get_to(value.unknown);
  json.at("reached").get_to(value.reached);
  json.at("taken_back").get_to(value.taken_back);
  json.at("plan").get_to(value.plan);
  json.at("differences").get_to(value.differences);
  json.at("accepted").get_to(value.accepted);
}
void Read(const Json& json, LossFact& value) {
  const auto time = [&json](const char* key) {
    return json.at(key).is_null() ? std::optional<base::Time>() : base::ParseTime(json.at(key).get<std::string>());
  };
  json.at("not_evidenced").get_to(value.not_evidenced);
  json.at("evidence").get_to(value.evidence);
  json.at("note").get_to(value.note);
  json.at("unnamed").get_to(value.unnamed);
  json.at("at_least").get_to(value.at_least);
  json.at("transactions").get_to(value.transactions);
  value.first = time("first");
  value.last = time("last");
  for (const Json& table : json.at("tables")) {
    value.tables.push_back(
        {table.at("table"), table.at("inserted"), table.at("updated"), table.at("deleted"), table.at("truncated")});
  }
  json.at("uncovered").get_to(value.uncovered);
  json.at("applications").get_to(value.applications);
  if (const Json& takes = json.at("restore_takes_ms"); !takes.is_null()) {
    value.restore_takes = milliseconds(takes.get<std::int64_t>());
  }
}

template <typename T>
void Take(const Json& json, const char* key, std::optional<T>& value) {
  if (!json.contains(key)) return;
  Read(json.at(key), value.emplace());
}

// The one list of the optional facts and their names, for both directions.
template <typename FactsType, typename Visit>
void EachFact(FactsType& facts, const Visit& visit) {
  visit("begun", facts.begun);
  visit("checkpoint", facts.checkpoint);
  visit("blockers", facts.blockers);
  visit("plan_digest", facts.plan_digest);
  visit("compiled_digest", facts.compiled_digest);
  visit("begun_digest", facts.begun_digest);
  visit("system_identifier", facts.system_identifier);
  visit("begun_system_identifier", facts.begun_system_identifier);
  visit("drift", facts.drift);
  visit("others", facts.others);
  visit("half_done", facts.half_done);
  visit("owner", facts.owner);
  visit("rollback_window_ms", facts.rollback_window);
  visit("point_of_no_return", facts.point_of_no_return);
  visit("invariants", facts.invariants);
  visit("unconverted", facts.unconverted);
  visit("unfilled", facts.unfilled);
  visit("stream", facts.stream);
  visit("footprint", facts.footprint);
  visit("loss", facts.loss);
  visit("fence", facts.fence);
  visit("promotion", facts.promotion);
}

}  // namespace

Json ToJson(const Policy& policy) { return {{"checkpoint_max_age_ms", policy.checkpoint_max_age.count()}}; }

Json ToJson(const Facts& facts) {
  Json json = {{"now", base::FormatTime(facts.now)}, {"release", facts.release}};
  EachFact(facts, [&json](const char* key, const auto& value) { Put(json, key, value); });
  return json;
}

Policy PolicyFromJson(const Json& json) {
  try {
    return {milliseconds(json.at("checkpoint_max_age_ms").get<std::int64_t>())};
  } catch (const Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "cannot understand the policy of a verdict").Detail(error.what());
  }
}

Facts FactsFromJson(const Json& json) {
  try {
    Facts facts;
    facts.now = base::ParseTime(json.at("now").get<std::string>());
    json.at("release").get_to(facts.release);
    EachFact(facts, [&json](const char* key, auto& value) { Take(json, key, value); });
    return facts;
  } catch (const Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "cannot understand the facts of a verdict").Detail(error.what());
  }
}

}  // namespace gate
