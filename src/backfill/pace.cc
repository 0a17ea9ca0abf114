#include "backfill/pace.h"

#include <algorithm>

namespace backfill {
namespace {

constexpr std::int64_t kFirstBlocks = 128;
constexpr std::int64_t kMostBlocks = 8192;
constexpr double kUnknownRowUs = 20;
constexpr double kUnknownDensity = 100;

}  // namespace

Pace::Pace(std::chrono::microseconds target, double rows_per_block)
    : target_us_(static_cast<double>(target.count())), row_us_(kUnknownRowUs), grown_(kFirstBlocks) {
  Enter(rows_per_block);
}

void Pace::Enter(double rows_per_block) { density_ = rows_per_block > 0 ? rows_per_block : kUnknownDensity; }

void Pace::Limit(double rows) { rows_max_ = rows; }

std::int64_t Pace::Blocks() const {
  double blocks = target_us_ / (density_ * row_us_ + block_us_);
  if (rows_max_ > 0) blocks = std::min(blocks, rows_max_ / density_);
  return std::clamp(static_cast<std::int64_t>(blocks), std::int64_t{1}, grown_);
}

void Pace::Took(std::int64_t blocks, std::int64_t rows, std::chrono::microseconds took) {
  const auto us = static_cast<double>(took.count());
  if (rows == 0) {
    block_us_ = us / static_cast<double>(blocks);
  } else {
    const double row_us = us / static_cast<double>(rows);
    // A few rows say nothing about the price of many.
    const bool many = static_cast<double>(rows) * 8 > density_ * static_cast<double>(blocks);
    if (!measured_ && many) {
      row_us_ = row_us;
    } else if (row_us < row_us_) {
      row_us_ = (row_us_ + row_us) / 2;
    } else if (many) {
      row_us_ = std::min(row_us, row_us_ * 2);  // a hiccup of the machine in a short batch is no price
    }
    measured_ = measured_ || many;
    density_ = std::max(density_, static_cast<double>(rows) / static_cast<double>(blocks));
  }
  grown_ = std::min(std::max(blocks, grown_ / 2) * 2, kMostBlocks);
}

void Pace::GaveUp(std::int64_t blocks) { grown_ = std::max<std::int64_t>(blocks / 2, 1); }

Rate::Clock::time_point Rate::After(std::int64_t rows, Clock::duration took, Clock::time_point now) {
  const auto rested = now + share_.After(took);
  if (rows_per_s_ <= 0) return rested;
  const std::scoped_lock lock(mutex_);
  const auto spread = std::chrono::duration<double>(static_cast<double>(rows) / static_cast<double>(rows_per_s_));
  next_ = std::max(next_, now) + std::chrono::duration_cast<Clock::duration>(spread);
  return std::max(next_, rested);
}

}  // namespace backfill
