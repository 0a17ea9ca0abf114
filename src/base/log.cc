#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

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

std::string Printable(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool control = (byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7f;
    // U+0080 to U+009F are control characters too.
    const bool wide = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (control || wide) text[i] = '?';
    if (wide) text.erase(i + 1, 1);
  }
  return text;
}

void LogMessage(LogLevel level, std::string_view text) {
  const std::string message = Printable(std::string(text));
  // The message is an argument, not the format: it may hold braces.
  if (level == LogLevel::kWarning) {
    Logger().log(LevelOf(level), "warning: {}", message);
  } else {
    Logger().log(LevelOf(level), "{}", message);
  }
}

}  // namespace base
