#pragma once

#include <chrono>
#include <memory>
#include <mutex>

#include "run/session.h"

namespace cli {

// Tells people on stderr how a run goes on: a line for each step, and one every ten seconds of what takes long; a
// backfill has a bar on a terminal, else a line every ten seconds. With --json a backfill is told as one JSON object a
// line, every second. Threads: safe from any.
class ProgressPrinter {
 public:
  enum class Form { kBar, kLines, kJson };
  explicit ProgressPrinter(Form form) : form_(form) {}
  ~ProgressPrinter() { ClearBar(); }
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;
  // kJson where asked for, kBar on a terminal.
  static Form FormFor(bool json);

  void Tell(const run::Progress& progress);

 private:
  void TellFilling(const run::Progress& progress);
  void ClearBar();

  std::mutex mutex_;  // all below
  Form form_;
  std::chrono::steady_clock::time_point told_{};
  std::string waits_for_;
  bool bar_ = false;  // stands on the terminal's last line
};

// "42 % of the table, 120000 rows, 8000 a second; about 20 s left", with the reason where it waits.
std::string FillingText(const run::Filling& filling);
// The same as a bar for a terminal of that width, without a newline.
std::string FillingBar(const run::Filling& filling, int width);
base::Json FillingJson(const run::Progress& progress);

}  // namespace cli
