#include "journal/event.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/digest.h"
#include "base/error.h"

namespace journal {
namespace {

base::Json Unhashed(const Event& event) {
  return {{"seq", event.seq},
          {"at", base::FormatTime(event.at)},
          {"kind", event.kind},
          {"body", event.body},
          {"prev", event.prev}};
}

// What readers rely on: of a member by this name, in an event of any kind.
constexpr std::pair<std::string_view, base::Json::value_t> kMembers[] = {
    {"release", base::Json::value_t::string},
    {"plan", base::Json::value_t::string},
    {"plan_digest", base::Json::value_t::string},
    {"system_identifier", base::Json::value_t::string},
    {"database", base::Json::value_t::string},
    {"timeline", base::Json::value_t::number_integer},
    {"before", base::Json::value_t::number_integer},
    {"now", base::Json::value_t::number_integer},
    {"digest", base::Json::value_t::string},
    {"restore_point", base::Json::value_t::string},
    {"lsn", base::Json::value_t::string},
    {"slot", base::Json::value_t::string},
    {"step", base::Json::value_t::string},
    {"direction", base::Json::value_t::string},
    {"intent", base::Json::value_t::number_integer},
    {"rolled_back", base::Json::value_t::boolean},
    {"through", base::Json::value_t::string},
    {"steps", base::Json::value_t::array},
    {"alarms", base::Json::value_t::array},
    {"unverified", base::Json::value_t::array},
    {"not_evidenced", base::Json::value_t::array},
    {"url", base::Json::value_t::string},
    {"text", base::Json::value_t::string},
    {"lines", base::Json::value_t::number_integer},
    {"by", base::Json::value_t::object},
    {"why", base::Json::value_t::string},
    {"facts", base::Json::value_t::object},
    {"verdict", base::Json::value_t::null},  // an object, or the digest of one
};

bool IsOf(const base::Json& value, base::Json::value_t type) {
  if (type == base::Json::value_t::null) return value.is_object() || value.is_string();
  if (type == base::Json::value_t::number_integer) return value.is_number_integer();
  return value.type() == type;
}

void CheckShape(const base::Json& json) {
  const auto refuse = [](std::string_view member) {
    throw base::Error(base::Code::kBadJson, "a journal line has another shape than its format says")
        .Detail(fmt::format("{} is of another type", member));
  };
  if (!json.is_object() || !json.at("body").is_object()) refuse("body");
  if (!json.at("seq").is_number_integer()) refuse("seq");
  for (const auto& [member, type] : kMembers) {
    const auto found = json.at("body").find(member);
    if (found != json.at("body").end() && !IsOf(*found, type)) refuse(member);
  }
}

}  // namespace

std::string ToLine(const Event& event) {
  base::Json json = Unhashed(event);
  json["hash"] = event.hash;
  return base::Canonical(json);
}

Event FromLine(const std::string& line) {
  const base::Json json = base::ParseJson(line, "journal line");
  try {
    CheckShape(json);
    Event event;
    event.seq = json.at("seq").get<std::int64_t>();
    event.at = base::ParseTime(json.at("at").get<std::string>());
    event.kind = json.at("kind").get<std::string>();
    event.body = json.at("body");
    event.prev = json.at("prev").get<std::string>();
    event.hash = json.at("hash").get<std::string>();
    return event;
  } catch (const base::Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "a journal line has another shape than its format says")
        .Detail(error.what());
  }
}

std::string HashOf(const Event& event) { return base::Sha256Hex(base::Canonical(Unhashed(event))); }

std::vector<bool> Counts(std::span<const Event> events) {
  std::vector<bool> counts(events.size(), true);
  for (std::size_t i = events.size(); i-- > 0;) {
    if (events[i].kind != "rewound") continue;
    const std::int64_t lines = events[i].body.value("lines", std::int64_t{0});
    const std::size_t kept = std::min(i, static_cast<std::size_t>(std::max<std::int64_t>(0, lines)));
    for (; i > kept; --i) counts[i - 1] = false;
  }
  return counts;
}

Counting::Counting(std::span<const Event> events) : events_(events) {
  const std::vector<bool> counts = Counts(events);
  if (std::ranges::find(counts, false) == counts.end()) return;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (counts[i]) kept_.push_back(events[i]);
  }
  events_ = kept_;
}

}  // namespace journal
