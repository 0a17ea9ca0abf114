#include "base/long_work.h"

#include <fmt/core.h>

#include <exception>

#include "base/log.h"
#include "base/text.h"
#include "base/time.h"

namespace base {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr Clock::duration kWindow = std::chrono::seconds(30);
constexpr int kSamples = 10;  // for a line
std::atomic<milliseconds> tell_every{milliseconds(10'000)};

std::string Number(LongWork::Unit unit, std::int64_t amount) {
  return unit == LongWork::Unit::kBytes ? FormatBytes(amount) : fmt::format("{}", amount);
}

std::string Amount(LongWork::Unit unit, std::int64_t amount) {
  return Number(unit, amount) + (unit == LongWork::Unit::kRows ? " rows" : "");
}

}  // namespace

void MovingRate::Note(Clock::time_point at, std::int64_t done) {
  marks_.push_back({at, done});
  while (marks_.size() > 2 && at - marks_[1].at >= window_) marks_.pop_front();
}

double MovingRate::PerSecond() const {
  if (marks_.size() < 2) return 0;
  const std::chrono::duration<double> took = marks_.back().at - marks_.front().at;
  return took.count() > 0 ? static_cast<double>(marks_.back().done - marks_.front().done) / took.count() : 0;
}

std::optional<milliseconds> MovingRate::Left(std::int64_t of) const {
  const double per_s = PerSecond();
  if (per_s <= 0 || of < marks_.back().done) return std::nullopt;
  constexpr double kMostMs = 1e15;
  return milliseconds(
      static_cast<std::int64_t>(std::min(kMostMs, 1000 * static_cast<double>(of - marks_.back().done) / per_s)));
}

std::string LongWork::Text(Unit unit, const Reached& reached, const MovingRate& rate) {
  std::string text = reached.of <= 0 ? Amount(unit, reached.done)
                                     : fmt::format("{} of {}{}", Number(unit, reached.done),
                                                   reached.estimate ? "about " : "", Amount(unit, reached.of));
  if (const auto per_s = static_cast<std::int64_t>(rate.PerSecond()); per_s > 0) {
    text += fmt::format(", {} a second", Amount(unit, per_s));
  }
  const auto left = reached.of > 0 ? rate.Left(reached.of) : std::nullopt;
  if (left && *left >= std::chrono::seconds(1)) {
    text += fmt::format("; about {} left", FormatDuration(*left));
  }
  return text;
}

LongWork::LongWork(std::string what) : LongWork(std::move(what), Options()) {}

LongWork::LongWork(std::string what, Options options)
    : what_(std::move(what)),
      options_(std::move(options)),
      rate_(kWindow),
      began_(Clock::now()),
      exceptions_(std::uncaught_exceptions()),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

LongWork::~LongWork() {
  thread_.request_stop();
  thread_.join();
  const bool failed = std::uncaught_exceptions() > exceptions_;
  if (!failed && options_.says_done && (told_ || Clock::now() - began_ >= tell_every.load())) TellNow(true);
}

void LongWork::At(std::int64_t done, std::int64_t of) {
  of_ = of;
  done_ = done;
}

void LongWork::Next(std::string what) {
  const std::scoped_lock lock(mutex_);
  what_ = std::move(what);
  rate_ = MovingRate(kWindow);
  reached_.reset();
  done_ = -1;
}

void LongWork::TellEvery(milliseconds every) { tell_every = every; }

void LongWork::Run(const std::stop_token& stop) {
  const milliseconds every = std::max(tell_every.load() / kSamples, milliseconds(1));
  std::unique_lock lock(mutex_);
  for (int samples = 1;; ++samples) {
    wake_.wait_for(lock, stop, every, [] { return false; });
    if (stop.stop_requested()) return;
    Sample();
    if (samples % kSamples == 0) TellNow(false);
  }
}

void LongWork::Sample() {
  if (done_ >= 0) reached_ = Reached{.done = done_, .of = of_};
  try {
    if (std::optional<Reached> looked = options_.look ? options_.look() : std::nullopt) reached_ = std::move(looked);
  } catch (const std::exception& error) {
    Debug("{}: how far it is cannot be told: {}", what_, error.what());
  }
  if (!reached_) return;
  // Its pace is known from when the first of it is done.
  if (reached_->done == 0) rate_ = MovingRate(kWindow);
  rate_.Note(Clock::now(), reached_->done);
}

void LongWork::TellNow(bool last) {
  const auto took = duration_cast<milliseconds>(Clock::now() - began_);
  std::string line = what_;
  const auto add = [&line](const std::string& text) { line += (line.empty() ? "" : ": ") + text; };
  if (last) {
    add("done after " + FormatDuration(took));
  } else if (reached_ && options_.unit != Unit::kNone) {
    add(Text(options_.unit, *reached_, rate_));
  } else {
    add("for " + FormatDuration(took));
  }
  if (!last && reached_ && !reached_->more.empty()) line += "; " + reached_->more;
  if (options_.tell) {
    options_.tell(line);
  } else {
    Info("{}", line);
  }
  told_ = true;
}

}  // namespace base
