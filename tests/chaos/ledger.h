#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "world.h"

namespace chaos {

// A row as both versions see it, by the columns' names in the model; nothing: there is none.
using State = std::optional<std::map<std::string, Cell>>;
// A row as one version read it: values by the columns' names in that version.
using Read = std::optional<std::map<std::string, Value>>;

// What one application did to rows that are its own, and so what may be read of them. A row can be in one of several
// states where a COMMIT's answer was lost. Pure; one thread at a time.
class Ledger {
 public:
  explicit Ledger(const World& world) : world_(world) {}

  using Change = std::function<State(const State&)>;
  // An acknowledged write.
  void Acknowledge(const std::string& table, std::int64_t id, const Change& change);
  // A write whose fate is not known.
  void Doubt(const std::string& table, std::int64_t id, const Change& change);

  // "": a version may read that; and what may not be so any more is forgotten. Else what it ought to be.
  std::string Observe(Version version, const std::string& table, std::int64_t id, const Read& read);
  // Rows that the version cannot know before it reads them.
  [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> Open(Version version) const;
  // Rows that are surely there, and `with`: rows that surely are or were referred to by it.
  [[nodiscard]] std::vector<std::int64_t> Present(const std::string& table) const;
  [[nodiscard]] std::vector<std::int64_t> ChildrenOf(const Table& child, std::int64_t parent) const;
  // The first of the states; for a row that is surely there.
  [[nodiscard]] const State& At(const std::string& table, std::int64_t id) const;
  [[nodiscard]] const std::map<std::int64_t, std::vector<State>>& Rows(const std::string& table) const;
  [[nodiscard]] std::int64_t acknowledged() const { return acknowledged_; }

 private:
  bool Same(Version version, const Table& table, const State& a, const State& b) const;

  const World& world_;
  std::map<std::string, std::map<std::int64_t, std::vector<State>>> tables_;
  std::int64_t acknowledged_ = 0;
};

// Whether the version may read that of a row in this state.
bool Fits(Version version, const Table& table, const State& state, const Read& read);
std::string Show(Version version, const Table& table, const State& state);
std::string Show(const Read& read);

}  // namespace chaos
