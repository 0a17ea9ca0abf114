#pragma once

#include <fmt/core.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace base {

// Messages for people, on stderr: stdout belongs to a command's output. Levels: debug is shown with --verbose, info
// unless --quiet.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

void SetLogLevel(LogLevel least);

// Every message passes it from now on. Call it before threads begin.
void SetLogSpelling(std::function<std::string(std::string_view)> spell);

[[nodiscard]] bool Shows(LogLevel level);
void LogMessage(LogLevel level, std::string_view message);

template <typename... Args>
void Debug(fmt::format_string<Args...> format, Args&&... args) {
  LogMessage(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Info(fmt::format_string<Args...> format, Args&&... args) {
  LogMessage(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void Warn(fmt::format_string<Args...> format, Args&&... args) {
  LogMessage(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace base
