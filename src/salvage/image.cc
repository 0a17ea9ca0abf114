#include "salvage/image.h"

#include <fmt/core.h>

#include <charconv>

#include "base/error.h"

namespace salvage {
namespace {

[[noreturn]] void Broken() { throw base::Error(base::Code::kInternal, "what was staged of a row cannot be read"); }

// "<length>:<text>"
std::string_view TakeText(std::string_view& text) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || digits >= text.size() || *end != ':' || size > text.size() - digits - 1) Broken();
  const std::string_view taken = text.substr(digits + 1, size);
  text.remove_prefix(digits + 1 + size);
  return taken;
}

void PutText(std::string& to, std::string_view text) {
  to += fmt::format_int(text.size()).c_str();
  to += ':';
  to += text;
}

}  // namespace

void PutCell(std::string& to, const Cell& cell) {
  if (cell.kind == Cell::Kind::kSame) {
    to += '-';
  } else if (cell.kind == Cell::Kind::kAbsent) {
    to += '.';
  } else if (!cell.value) {
    to += '!';
  } else {
    PutText(to, *cell.value);
  }
}

std::vector<Cell> CellsOf(std::string_view text) {
  std::vector<Cell> cells;
  while (!text.empty()) {
    Cell& cell = cells.emplace_back();
    if (text[0] == '-' || text[0] == '.' || text[0] == '!') {
      cell.kind = text[0] == '-' ? Cell::Kind::kSame : text[0] == '.' ? Cell::Kind::kAbsent : Cell::Kind::kValue;
      text.remove_prefix(1);
      continue;
    }
    cell.kind = Cell::Kind::kValue;
    cell.value = std::string(TakeText(text));
  }
  return cells;
}

std::string IdentityOf(const std::vector<std::string_view>& key) {
  std::string identity;
  for (const std::string_view value : key) PutText(identity, value);
  return identity;
}

std::vector<Value> KeyOf(std::string_view identity) {
  std::vector<Value> key;
  while (!identity.empty()) key.emplace_back(std::string(TakeText(identity)));
  return key;
}

}  // namespace salvage
