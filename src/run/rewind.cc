#include "run/rewind.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "pg/timeline.h"
#include "run/identity.h"
#include "run/sql_text.h"

namespace run {
namespace {

bool IsOfTheDatabase(const std::string& kind) {
  return kind == "opened" || kind == "checkpoint" || kind == "intent" || kind == "outcome" || kind == "closed";
}

// How the server left the timeline, or one that it was on after that, for a restore; empty: it was promoted only, or
// was never on it.
std::string RestoreBehind(const std::string& history, std::int64_t timeline) {
  bool behind = false;
  for (const pg::TimelineLeft& left : pg::TimelinesLeft(history)) {
    behind = behind || left.timeline == timeline;
    if (behind && left.Restored()) return fmt::format("{}, at {}", left.reason, left.lsn);
  }
  return "";
}

// The server that a restore was made of, where the release did not go on with the restored one.
bool IsBackOn(const journal::Journal& journal, const journal::Event& rewound, std::int64_t timeline) {
  return rewound.body.value("before", std::int64_t{0}) == timeline &&
         std::ranges::none_of(journal.events(), [&](const journal::Event& event) {
           return event.seq > rewound.seq && IsOfTheDatabase(event.kind);
         });
}

}  // namespace

std::int64_t TimelineOf(const journal::Journal& journal, const journal::Event& opened) {
  std::int64_t timeline = opened.body.at(opened.kind == "rewound" ? "now" : "timeline");
  const std::vector<bool> counts = journal::Counts(journal.events());
  for (const journal::Event& event : journal.events()) {
    if (event.seq <= opened.seq || !counts[static_cast<std::size_t>(event.seq) - 1]) continue;
    if (event.kind == "timeline" || event.kind == "rewound") timeline = event.body.at("now");
  }
  return timeline;
}

std::string History(pg::Connection& connection, std::int64_t timeline) {
  if (timeline == 1) return "";
  try {
    return connection.Query(std::string(sql_text::kTimelineHistory), {std::to_string(timeline)}).Text(0, 0);
  } catch (const base::Error& error) {
    throw base::Error(base::Code::kOtherInputs,
                      fmt::format("the server is on timeline {}, and its history cannot be read", timeline))
        .Detail(error.message())
        .Hint(
            "After a failover or a restore: GRANT EXECUTE ON FUNCTION pg_read_file(text) to the role, then run the "
            "command again.");
  }
}

void SeeRewind(pg::Connection& connection, journal::Journal& journal, std::size_t mirrored) {
  const std::vector<bool> counts = journal::Counts(journal.events());
  bool behind = false;
  for (std::size_t i = mirrored; i < counts.size(); ++i) {
    behind = behind || (counts[i] && IsOfTheDatabase(journal.events()[i].kind));
  }
  const journal::Event* rewound = journal.Last("rewound");
  const journal::Event* known = behind ? journal.Last("opened") : rewound;
  if (known == nullptr) return;
  const Identity here = ReadIdentity(connection);
  if (known->body.value("system_identifier", "") != here.system_identifier ||
      known->body.value("database", "") != here.database) {
    return;
  }
  const std::int64_t before = TimelineOf(journal, *known);
  if (before == here.timeline) return;
  std::string why;
  if (rewound == nullptr || !IsBackOn(journal, *rewound, here.timeline)) {
    if (behind) why = RestoreBehind(History(connection, here.timeline), before);
    if (why.empty()) return;
  }
  journal.Find("rewound", {{"lines", mirrored},
                           {"before", before},
                           {"now", here.timeline},
                           {"why", why},
                           {"system_identifier", here.system_identifier},
                           {"database", here.database}});
}

}  // namespace run
