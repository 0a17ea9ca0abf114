#include "cli/aftermath.h"

#include <fmt/core.h>

#include "cli/decisions.h"
#include "pg/connection.h"

namespace cli {
namespace {

std::string UrlOf(const journal::Event& event) { return pg::Redacted(event.body.value("url", "")); }

void AddToAftermath(const journal::Event& event, Aftermath& aftermath) {
  if (event.kind == "checkpoint") {
    aftermath = {.fenced = aftermath.fenced, .cut_over = aftermath.cut_over};
  } else if (event.kind == "restored") {
    aftermath = {.restored = Aftermath::Moment{.at = event.at, .url = UrlOf(event)},
                 .fenced = aftermath.fenced,
                 .cut_over = aftermath.cut_over};
  } else if (event.kind == "salvaged") {
    aftermath.salvaged = event.at;
    aftermath.open = event.body.value("conflicts", std::int64_t{0});
    const std::int64_t decided = event.body.value("decided", std::int64_t{0});
    aftermath.conflicts = aftermath.open + decided;
    aftermath.decided = decided > 0;
    aftermath.conflicts_file = event.body.value("conflicts_file", "");
  } else if (event.kind == "resolved") {
    aftermath.decided = true;
    aftermath.open = event.body.value("left", std::int64_t{0}) + event.body.value("refused", std::int64_t{0});
  } else if (event.kind == "fenced") {
    aftermath.fenced = event.at;
  } else if (event.kind == "cut_over") {
    aftermath.cut_over = Aftermath::Moment{.at = event.at, .url = UrlOf(event)};
  } else if (event.kind == "fence_lifted") {
    aftermath.fenced.reset();
    aftermath.cut_over.reset();
  }
}

std::string ShowFence(const Aftermath& aftermath, const salvage::FenceNow& fence) {
  std::string text = fmt::format("\n  read-only: {} tables{}, by the fence of a cut-over", fence.tables,
                                 aftermath.fenced ? ", since " + base::FormatTime(*aftermath.fenced) : "");
  if (!aftermath.cut_over) text += aftermath.restored ? " that did not end" : " of another release";
  for (const std::string& table : fence.open) text += "\n  not read-only: " + table;
  return text;
}

std::string ShowConflicts(const Aftermath& aftermath) {
  if (aftermath.conflicts == 0) return "no conflicts";
  if (!aftermath.decided) return fmt::format("{} conflicts, not decided: {}", aftermath.open, aftermath.conflicts_file);
  return fmt::format("{} conflicts, {} of them as restored: {}", aftermath.conflicts, aftermath.open,
                     aftermath.conflicts_file);
}

}  // namespace

Aftermath ReadAftermath(const journal::Journal& journal) {
  Aftermath aftermath;
  for (const journal::Event& event : journal.events()) AddToAftermath(event, aftermath);
  return aftermath;
}

std::string ShowAftermath(const Aftermath& aftermath, const salvage::FenceNow& fence) {
  std::string text;
  if (aftermath.restored) {
    text += fmt::format("\n  restored: {}, {}", base::FormatTime(aftermath.restored->at), aftermath.restored->url);
  }
  if (aftermath.salvaged) {
    text += fmt::format("\n  carried over: {}; {}", base::FormatTime(*aftermath.salvaged), ShowConflicts(aftermath));
  }
  if (aftermath.cut_over) {
    text += fmt::format("\n  cut over: {}, to {}; `switchback status` there says what it lacks",
                        base::FormatTime(aftermath.cut_over->at), aftermath.cut_over->url);
  }
  return fence.tables > 0 ? text + ShowFence(aftermath, fence) : text;
}

base::Json AftermathFacts(const Aftermath& aftermath, const salvage::FenceNow& fence) {
  const auto time = [](const std::optional<base::Time>& at) {
    return at ? base::Json(base::FormatTime(*at)) : base::Json();
  };
  const auto moment = [](const std::optional<Aftermath::Moment>& was) {
    return was ? base::Json{{"at", base::FormatTime(was->at)}, {"url", was->url}} : base::Json();
  };
  base::Json facts = {{"restored", moment(aftermath.restored)},
                      {"salvaged", nullptr},
                      {"fence", nullptr},
                      {"cut_over", moment(aftermath.cut_over)}};
  if (aftermath.salvaged) {
    facts["salvaged"] = {{"at", time(aftermath.salvaged)},
                         {"conflicts", aftermath.conflicts},
                         {"as_restored", aftermath.open},
                         {"decided", aftermath.decided},
                         {"conflicts_file", aftermath.conflicts_file}};
  }
  if (fence.tables > 0) {
    facts["fence"] = {{"tables", fence.tables}, {"open", fence.open}, {"since", time(aftermath.fenced)}};
  }
  return facts;
}

std::string NextBehindFence(const std::string& release, const Aftermath& aftermath) {
  const std::string stay = fmt::format("`switchback restore {} --lift-fence` to stay", release);
  if (!aftermath.cut_over && !aftermath.restored) {
    return fmt::format("see with `switchback status` which release was cut over; where none was, {}", stay);
  }
  if (!aftermath.cut_over) return fmt::format("`switchback restore {} --cut-over` goes on; or {}", release, stay);
  const std::string move =
      fmt::format("move the applications to {}, with the code of that time; or {}", aftermath.cut_over->url, stay);
  if (aftermath.open == 0) return move;
  return NextOfConflicts(release, aftermath.conflicts_file, move);
}

}  // namespace cli
