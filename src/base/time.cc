#include "base/time.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"

namespace base {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// The whole text as digits only; from_chars would also take a sign.
std::optional<std::int64_t> Digits(std::string_view text) {
  std::int64_t value = 0;
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Time Now() { return std::chrono::system_clock::now(); }

std::string FormatTime(Time time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<microseconds>(time - days));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Time ParseTime(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00.000000Z";
  const auto fail = [&text] {
    return Error(Code::kBadJson, fmt::format("\"{}\" is not a time", text))
        .Detail("the form is 2026-11-22T15:48:30.123456Z");
  };
  if (text.size() != kShape.size()) throw fail();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !digit : text[i] != kShape[i]) throw fail();
  }
  const auto field = [&text](std::size_t from, std::size_t size) { return *Digits(text.substr(from, size)); };
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(field(0, 4))),
                                         std::chrono::month(static_cast<unsigned>(field(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(field(8, 2))));
  const std::int64_t hour = field(11, 2);
  const std::int64_t minute = field(14, 2);
  const std::int64_t second = field(17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) throw fail();
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + microseconds(field(20, 6));
}

milliseconds ParseDuration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kUnits = {
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  const std::size_t unit_at = text.find_first_not_of("0123456789");
  if (unit_at != std::string_view::npos) {
    const std::optional<std::int64_t> number = Digits(text.substr(0, unit_at));
    for (const auto& [unit, factor] : kUnits) {
      if (number && text.substr(unit_at) == unit && *number <= std::numeric_limits<std::int64_t>::max() / factor) {
        return milliseconds(*number * factor);
      }
    }
  }
  throw Error(Code::kBadDuration, fmt::format("\"{}\" is not a duration", text));
}

std::string FormatDuration(milliseconds duration) {
  const std::int64_t ms = duration.count();
  if (ms < 0) return "-" + FormatDuration(-duration);
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (const std::int64_t tenths = (ms + 50) / 100; tenths < 600) {
    return tenths % 10 == 0 ? fmt::format("{} s", tenths / 10) : fmt::format("{}.{} s", tenths / 10, tenths % 10);
  }
  const auto two = [](std::int64_t whole, std::string_view unit, std::int64_t rest, std::string_view rest_unit) {
    return rest == 0 ? fmt::format("{} {}", whole, unit) : fmt::format("{} {} {} {}", whole, unit, rest, rest_unit);
  };
  const std::int64_t seconds = (ms + 500) / 1000;
  if (seconds < 3600) return two(seconds / 60, "min", seconds % 60, "s");
  const std::int64_t minutes = (seconds + 30) / 60;
  if (minutes < 24 * 60) return two(minutes / 60, "h", minutes % 60, "min");
  const std::int64_t hours = (minutes + 30) / 60;
  return two(hours / 24, "d", hours % 24, "h");
}

}  // namespace base
