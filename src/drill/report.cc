#include <fmt/core.h>

#include <string>
#include <vector>

#include "drill/drill.h"

namespace drill {
namespace {

std::string Seconds(const base::Json& ms) { return fmt::format("{:.1f} s", ms.get<double>() / 1000.0); }

// One column of the table: what an act counted for its incident.
struct Column {
  std::string title;
  std::string way_back;
  std::string failed;
  std::string down;
  std::string lost;
  std::string left_behind;
};

std::int64_t CountOf(const base::Json& object, const char* key) { return object.at(key).get<std::int64_t>(); }

Column ColumnOf(const base::Json& act) {
  const base::Json& incident = act.contains("incident") ? act.at("incident") : act;
  const base::Json& traffic = incident.at("traffic");
  const base::Json& ledger = incident.at("ledger");
  const bool behind = act.contains("left_behind");
  return {.title = act.at("title"),
          .way_back = act.at("way_back"),
          .failed = fmt::format("{} of {}", CountOf(traffic, "failed"), CountOf(traffic, "requests")),
          .down = Seconds(traffic.at("down_ms")),
          .lost = fmt::format("{} of {}", behind ? 0 : CountOf(ledger, "lost"), CountOf(ledger, "acknowledged")),
          .left_behind = behind ? fmt::format("{}, each listed", CountOf(act, "left_behind")) : "none"};
}

std::string Table(const base::Json& acts) {
  std::vector<Column> columns;
  for (const base::Json& act : acts) columns.push_back(ColumnOf(act));
  std::string text;
  const auto row = [&](const char* name, std::string Column::*cell) {
    std::string line = fmt::format("{:<28}", name);
    for (const Column& column : columns) line += fmt::format("{:<20}", column.*cell);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  row("", &Column::title);
  row("way back", &Column::way_back);
  row("failed requests", &Column::failed);
  row("time down", &Column::down);
  row("acknowledged writes lost", &Column::lost);
  row("left on the old server", &Column::left_behind);
  return text;
}

// The same restore of act four, twice.
std::string SideBySide(const base::Json& act) {
  const base::Json& without = act.at("without_salvage");
  const base::Json& with = act.at("with_salvage");
  const auto row = [](const char* name, const std::string& left, const std::string& right) {
    return fmt::format("{:<28}{:<20}{}\n", name, left, right);
  };
  const auto lost = [](const base::Json& side) {
    return fmt::format("{} of {}", CountOf(side, "lost"), CountOf(side, "acknowledged"));
  };
  return row("", "without salvage", "with salvage") + row("acknowledged writes lost", lost(without), lost(with)) +
         row("named conflicts", "-", std::to_string(CountOf(with, "conflicts"))) +
         row("applied", "-", fmt::format("{} of {} changes", CountOf(with, "applied"), CountOf(with, "changes"))) +
         row("in conflict, skipped", "-",
             fmt::format("{}, {}", CountOf(with, "in_conflict"), CountOf(with, "skipped")));
}

std::string ClaimLines(const base::Json& claims) {
  std::string text;
  std::size_t held = 0;
  for (const base::Json& claim : claims) {
    if (claim.at("held")) {
      ++held;
    } else {
      text += fmt::format("NOT so: {} ({}: {})\n", claim.at("text").get<std::string>(),
                          claim.at("name").get<std::string>(), claim.at("measured").get<std::string>());
    }
  }
  return text + fmt::format("{} of {} claims were checked in this run and held.\n", held, claims.size());
}

}  // namespace

std::string RenderDrill(const base::Json& result) {
  std::string text = Table(result.at("acts")) + "\n";
  for (const base::Json& act : result.at("acts")) {
    if (act.at("act") == 2) {
      text += fmt::format("Undo took {} while the shop went on; after contract, {}. ", Seconds(act.at("undo_ms")),
                          Seconds(act.at("undo_after_contract_ms")));
      text += "The failures are the new version's own defect.\n";
    }
    if (act.at("act") == 3) {
      text += fmt::format("Restore took {}; schema and data equal the checkpoint by content hash.\n",
                          Seconds(act.at("restore_ms")));
    }
    if (act.at("act") == 4) text += "\nThe restore of act 4, twice:\n" + SideBySide(act);
    if (act.contains("notes")) {
      for (const base::Json& note : act.at("notes")) text += note.get<std::string>() + "\n";
    }
  }
  text += "\n" + ClaimLines(result.at("claims"));
  if (result.contains("evidence")) text += "Evidence: " + result.at("evidence").get<std::string>() + "\n";
  if (result.contains("workspace")) text += "Kept: " + result.at("workspace").get<std::string>() + "\n";
  text.pop_back();
  return text;
}

}  // namespace drill
