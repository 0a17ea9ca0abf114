#include "cli/progress.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "base/text.h"
#include "base/time.h"

namespace cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLineEvery{10'000};
constexpr milliseconds kJsonEvery{1'000};
constexpr int kBarCells = 24;

int TerminalWidth() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string Which(const run::Progress& progress) {
  return fmt::format("[{}/{}] {}{}", progress.number, progress.of, progress.step->id,
                     progress.direction == journal::Direction::kForward ? "" : " back");
}

std::int64_t Percent(const run::Filling& filling) {
  if (filling.all_blocks <= 0) return 100;
  return std::clamp<std::int64_t>(filling.blocks * 100 / filling.all_blocks, 0, 100);
}

}  // namespace

ProgressPrinter::Form ProgressPrinter::FormFor(bool json) {
  if (json) return Form::kJson;
  return isatty(STDERR_FILENO) == 1 ? Form::kBar : Form::kLines;
}

std::string FillingText(const run::Filling& filling) {
  // Each pass begins anew, and those behind the first find few rows.
  const std::string again = filling.pass > 1 ? fmt::format("look {} for rows that were left: ", filling.pass) : "";
  const std::string rows = fmt::format("{}{} rows, {} %", again, filling.rows, Percent(filling));
  if (!filling.waits_for.empty()) return fmt::format("{}; waits: {}", rows, base::OneLine(filling.waits_for));
  return fmt::format("{}, {} rows a second{}", rows, filling.rows_per_s,
                     filling.left ? fmt::format("; about {} left", base::FormatDuration(*filling.left)) : "");
}

std::string FillingBar(const run::Filling& filling, int width) {
  const auto full = static_cast<std::size_t>(Percent(filling) * kBarCells / 100);
  std::string bar =
      fmt::format("[{}{}] {}", std::string(full, '#'), std::string(kBarCells - full, '.'), FillingText(filling));
  // A line that wraps could not be taken back.
  const auto most = static_cast<std::size_t>(std::max(width - 1, 1));
  if (bar.size() > most) bar.resize(most);
  return bar;
}

base::Json FillingJson(const run::Progress& progress) {
  const run::Filling& filling = progress.filling;
  return {{"progress", "backfill"},
          {"step", progress.step->id},
          {"rows", filling.rows},
          {"rows_per_s", filling.rows_per_s},
          {"blocks", filling.blocks},
          {"all_blocks", filling.all_blocks},
          {"pass", filling.pass},
          {"left_ms", filling.left ? base::Json(filling.left->count()) : base::Json()},
          {"waits_for", filling.waits_for.empty() ? base::Json() : base::Json(filling.waits_for)}};
}

void ProgressPrinter::ClearBar() {
  if (!bar_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  bar_ = false;
}

void ProgressPrinter::TellFilling(const run::Progress& progress) {
  const auto now = std::chrono::steady_clock::now();
  const bool changed = waits_for_.empty() != progress.filling.waits_for.empty();
  waits_for_ = progress.filling.waits_for;
  switch (form_) {
    case Form::kBar:
      if (!base::Shows(base::LogLevel::kInfo)) return;
      fmt::print(stderr, "\r\x1b[K{}", FillingBar(progress.filling, TerminalWidth()));
      std::fflush(stderr);
      bar_ = true;
      return;
    case Form::kLines:
      if (now - told_ < kLineEvery && !changed) return;
      base::Info("{}: {}", Which(progress), FillingText(progress.filling));
      break;
    case Form::kJson:
      if (now - told_ < kJsonEvery && !changed) return;
      fmt::print(stderr, "{}\n", FillingJson(progress).dump(-1, ' ', false, base::Json::error_handler_t::replace));
      break;
  }
  told_ = now;
}

void ProgressPrinter::Tell(const run::Progress& progress) {
  const std::scoped_lock lock(mutex_);
  using What = run::Progress::What;
  if (progress.what == What::kBackfill) return TellFilling(progress);
  ClearBar();
  if (progress.what == What::kBegins) {
    told_ = std::chrono::steady_clock::now();
    base::Info(
        "{}: {}", Which(progress),
        progress.direction == journal::Direction::kForward ? progress.step->title : progress.step->reverse_title);
  } else if (progress.what == What::kRetries) {
    base::Warn("{}: {}", Which(progress), progress.text);
  } else {
    base::Info("{}: {}", Which(progress), progress.text);
  }
}

}  // namespace cli
