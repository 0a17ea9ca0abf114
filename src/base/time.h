#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace base {

using Time = std::chrono::system_clock::time_point;

Time Now();
// "2026-11-22T15:48:30.123456Z": UTC, microseconds; what every artefact uses.
std::string FormatTime(Time time);
// Reads FormatTime's form; throws kBadJson.
Time ParseTime(std::string_view text);

// "200ms", "30s", "15m", "24h", "7d"; throws kBadDuration.
std::chrono::milliseconds ParseDuration(std::string_view text);
// The shortest such form for people: "1.2 s", "340 ms", "3 min 20 s", "2 h 5 min".
std::string FormatDuration(std::chrono::milliseconds duration);

}  // namespace base
