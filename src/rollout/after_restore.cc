#include "rollout/after_restore.h"

#include <fmt/core.h>

#include "pg/connection.h"
#include "rollout/advice.h"

namespace rollout {
namespace {

std::string UrlOf(const journal::Event& event) { return pg::Redacted(event.body.value("url", "")); }

void AddToAfterRestore(const journal::Event& event, AfterRestore& after) {
  if (event.kind == "checkpoint") {
    after = {.fenced = after.fenced, .cut_over = after.cut_over};
  } else if (event.kind == "restored") {
    after = {.restored = AfterRestore::Moment{.at = event.at, .url = UrlOf(event)},
             .fenced = after.fenced,
             .cut_over = after.cut_over};
  } else if (event.kind == "salvaged") {
    after.salvaged = event.at;
    after.open = event.body.value("conflicts", std::int64_t{0});
    const std::int64_t decided = event.body.value("decided", std::int64_t{0});
    after.conflicts = after.open + decided;
    after.decided = decided > 0;
    after.conflicts_file = event.body.value("conflicts_file", "");
  } else if (event.kind == "resolved") {
    after.decided = true;
    after.open = event.body.value("left", std::int64_t{0}) + event.body.value("refused", std::int64_t{0});
  } else if (event.kind == "fenced") {
    after.fenced = event.at;
  } else if (event.kind == "cut_over") {
    after.cut_over = AfterRestore::Moment{.at = event.at, .url = UrlOf(event)};
  } else if (event.kind == "fence_lifted") {
    after.fenced.reset();
    after.cut_over.reset();
  }
}

std::string ShowFence(const AfterRestore& after, const salvage::FenceNow& fence) {
  std::string text = fmt::format("\n  read-only: {} tables{}, by the fence of a cut-over", fence.tables,
                                 after.fenced ? ", since " + base::FormatTime(*after.fenced) : "");
  if (!after.cut_over) text += after.restored ? " that did not end" : " of another release";
  for (const std::string& table : fence.open) text += "\n  not read-only: " + table;
  return text;
}

std::string ShowConflicts(const AfterRestore& after) {
  if (after.conflicts == 0) return "no conflicts";
  if (!after.decided) return fmt::format("{} conflicts, not decided: {}", after.open, after.conflicts_file);
  return fmt::format("{} conflicts, {} of them as restored: {}", after.conflicts, after.open, after.conflicts_file);
}

}  // namespace

AfterRestore ReadAfterRestore(const journal::Journal& journal) {
  AfterRestore after;
  for (const journal::Event& event : journal.events()) AddToAfterRestore(event, after);
  return after;
}

std::string ShowAfterRestore(const AfterRestore& after, const salvage::FenceNow& fence) {
  std::string text;
  if (after.restored) {
    text += fmt::format("\n  restored: {}, {}", base::FormatTime(after.restored->at), after.restored->url);
  }
  if (after.salvaged) {
    text += fmt::format("\n  carried over: {}; {}", base::FormatTime(*after.salvaged), ShowConflicts(after));
  }
  if (after.cut_over) {
    text += fmt::format("\n  cut over: {}, to {}; `status` there says what it lacks",
                        base::FormatTime(after.cut_over->at), after.cut_over->url);
  }
  return fence.tables > 0 ? text + ShowFence(after, fence) : text;
}

base::Json AfterRestoreFacts(const AfterRestore& after, const salvage::FenceNow& fence) {
  const auto time = [](const std::optional<base::Time>& at) {
    return at ? base::Json(base::FormatTime(*at)) : base::Json();
  };
  const auto moment = [](const std::optional<AfterRestore::Moment>& was) {
    return was ? base::Json{{"at", base::FormatTime(was->at)}, {"url", was->url}} : base::Json();
  };
  base::Json facts = {{"restored", moment(after.restored)},
                      {"salvaged", nullptr},
                      {"fence", nullptr},
                      {"cut_over", moment(after.cut_over)}};
  if (after.salvaged) {
    facts["salvaged"] = {{"at", time(after.salvaged)},
                         {"conflicts", after.conflicts},
                         {"as_restored", after.open},
                         {"decided", after.decided},
                         {"conflicts_file", after.conflicts_file}};
  }
  if (fence.tables > 0) {
    facts["fence"] = {{"tables", fence.tables}, {"open", fence.open}, {"since", time(after.fenced)}};
  }
  return facts;
}

std::string NextBehindFence(const std::string& release, const AfterRestore& after) {
  const std::string stay = fmt::format("`switchback restore {} --lift-fence` to stay", release);
  if (!after.cut_over && !after.restored) {
    return fmt::format("see with `switchback status` which release was cut over; where none was, {}", stay);
  }
  if (!after.cut_over) return fmt::format("`switchback restore {} --cut-over` goes on; or {}", release, stay);
  const std::string move =
      fmt::format("move the applications to {}, with the code of that time; or {}", after.cut_over->url, stay);
  if (after.open == 0) return move;
  return NextOfConflicts(release, after.conflicts_file, move);
}

}  // namespace rollout
