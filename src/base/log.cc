#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <utility>

#include "base/text.h"

namespace base {
namespace {

spdlog::logger& Logger() {
  static spdlog::logger logger = [] {
    spdlog::logger made("switchback", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made.set_pattern("switchback: %v");
    made.flush_on(spdlog::level::trace);
    return made;
  }();
  return logger;
}

std::function<std::string(std::string_view)>& Spell() {
  static std::function<std::string(std::string_view)> spell;
  return spell;
}

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

void SetLogLevel(LogLevel least) { Logger().set_level(LevelOf(least)); }

bool Shows(LogLevel level) { return Logger().should_log(LevelOf(level)); }

void SetLogSpelling(std::function<std::string(std::string_view)> spell) { Spell() = std::move(spell); }

void LogMessage(LogLevel level, std::string_view text) {
  const std::string message = Printable(Spell() ? Spell()(text) : std::string(text));
  // The message is an argument, not the format: it may hold braces.
  if (level == LogLevel::kWarning) {
    Logger().log(LevelOf(level), "warning: {}", message);
  } else {
    Logger().log(LevelOf(level), "{}", message);
  }
}

}  // namespace base
