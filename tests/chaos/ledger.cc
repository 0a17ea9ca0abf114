#include "ledger.h"

#include <fmt/core.h>

#include <algorithm>

namespace chaos {
namespace {

const Value& In(Version version, const Cell& cell) { return version == Version::kOld ? cell.before : cell.after; }

std::string Show(const Value& value) { return value ? "\"" + *value + "\"" : "NULL"; }

// How often the release added to it is the judge's to ask.
bool FitsCounter(const Value& expected, const Value& found) {
  return expected && found && std::stoll(*found) % kStride == std::stoll(*expected) % kStride;
}

}  // namespace

bool Fits(Version version, const Table& table, const State& state, const Read& read) {
  if (state.has_value() != read.has_value()) return false;
  if (!state) return true;
  return std::ranges::all_of(table.columns, [&](const Column& column) {
    if (column.In(version).empty()) return true;
    const Value& expected = In(version, state->at(column.name));
    const Value& found = read->at(column.In(version));
    return column.kind == Kind::kCounter ? FitsCounter(expected, found) : expected == found;
  });
}

std::string Show(Version version, const Table& table, const State& state) {
  if (!state) return "no row";
  std::string text;
  for (const Column& column : table.columns) {
    if (column.In(version).empty()) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", column.In(version),
                        Show(In(version, state->at(column.name))));
  }
  return "(" + text + ")";
}

std::string Show(const Read& read) {
  if (!read) return "no row";
  std::string text;
  for (const auto& [name, value] : *read) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", name, Show(value));
  return "(" + text + ")";
}

void Ledger::Acknowledge(const std::string& table, std::int64_t id, const Change& change) {
  std::vector<State>& states = tables_[table][id];
  if (states.empty()) states.emplace_back();
  for (State& state : states) state = change(state);
  ++acknowledged_;
}

void Ledger::Doubt(const std::string& table, std::int64_t id, const Change& change) {
  std::vector<State>& states = tables_[table][id];
  if (states.empty()) states.emplace_back();
  for (std::size_t i = 0, many = states.size(); i < many; ++i) {
    const State changed = change(states[i]);
    if (std::ranges::find(states, changed) == states.end()) states.push_back(changed);
  }
}

bool Ledger::Same(Version version, const Table& table, const State& a, const State& b) const {
  if (a.has_value() != b.has_value()) return false;
  return !a || std::ranges::all_of(table.columns, [&](const Column& column) {
    return column.In(version).empty() || In(version, a->at(column.name)) == In(version, b->at(column.name));
  });
}

std::string Ledger::Observe(Version version, const std::string& name, std::int64_t id, const Read& read) {
  const Table& table = world_.Named(name);
  std::vector<State>& states = tables_[name][id];
  if (states.empty()) states.emplace_back();
  std::vector<State> left;
  for (const State& state : states) {
    if (Fits(version, table, state, read)) left.push_back(state);
  }
  if (!left.empty()) {
    states = left;
    return "";
  }
  std::string text = fmt::format("{} {}: the {} version read {}, ought to be", name, id, Name(version), Show(read));
  for (const State& state : states) text += " " + Show(version, table, state);
  return text;
}

std::vector<std::pair<std::string, std::int64_t>> Ledger::Open(Version version) const {
  std::vector<std::pair<std::string, std::int64_t>> open;
  for (const auto& [name, rows] : tables_) {
    const Table& table = world_.Named(name);
    if (table.made && version == Version::kOld) continue;
    for (const auto& [id, states] : rows) {
      if (std::ranges::any_of(states,
                              [&](const State& state) { return !Same(version, table, state, states.front()); })) {
        open.emplace_back(name, id);
      }
    }
  }
  return open;
}

std::vector<std::int64_t> Ledger::Present(const std::string& table) const {
  std::vector<std::int64_t> present;
  for (const auto& [id, states] : Rows(table)) {
    if (std::ranges::all_of(states, [](const State& state) { return state.has_value(); })) present.push_back(id);
  }
  return present;
}

std::vector<std::int64_t> Ledger::ChildrenOf(const Table& child, std::int64_t parent) const {
  std::vector<std::int64_t> children;
  for (const auto& [id, states] : Rows(child.name)) {
    if (std::ranges::any_of(states, [&](const State& state) {
          return state && state->at(child.columns.front().name).before == std::to_string(parent);
        })) {
      children.push_back(id);
    }
  }
  return children;
}

const State& Ledger::At(const std::string& table, std::int64_t id) const { return tables_.at(table).at(id).front(); }

const std::map<std::int64_t, std::vector<State>>& Ledger::Rows(const std::string& table) const {
  static const std::map<std::int64_t, std::vector<State>> kNone;
  const auto rows = tables_.find(table);
  return rows == tables_.end() ? kNone : rows->second;
}

}  // namespace chaos
