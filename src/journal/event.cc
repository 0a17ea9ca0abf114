#include "journal/event.h"

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

}  // namespace

std::string ToLine(const Event& event) {
  base::Json json = Unhashed(event);
  json["hash"] = event.hash;
  return base::Canonical(json);
}

Event FromLine(const std::string& line) {
  const base::Json json = base::ParseJson(line, "journal line");
  try {
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

}  // namespace journal
