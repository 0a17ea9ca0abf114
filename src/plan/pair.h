#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "catalog/catalog.h"
#include "pg/quote.h"

namespace plan {

// One direction of a pair: how a value of one side becomes the other's. Either a plain copy or cast, written inline, or
// an expression (or a cast that can raise), which lives in functions of schema switchback: NAME raises, try_NAME gives
// NULL instead, why_NAME gives the error's text or NULL. They take the columns they read as arguments, so they do not
// care what those are called at the moment.
struct Direction {
  std::string function;            // "up_<hex>_<n>"; empty: inline
  std::vector<std::string> reads;  // logical column names, the arguments
  std::vector<std::string> types;  // of the arguments
  std::string target_type;
  std::string expression;  // over the argument names; inline: over nothing, see Value
  bool can_raise = false;  // guarded
  // Its functions pin the settings of a session that their value may depend on: they run in the applications' sessions.
  bool pins_settings = false;
};

// An old column and the new one that takes its place, kept in step by triggers.
struct Pair {
  pg::QualifiedName table;
  std::string suffix;    // "<hex>_<n>", in the names of its functions and triggers
  std::string old_name;  // logical; empty: a column that is only added, one way
  std::string new_name;  // logical
  std::string old_type;
  std::string new_type;
  catalog::Equality old_equality = {};
  catalog::Equality new_equality = {};
  std::string shadow;       // the physical name of the new column before `switch`, where both have one name; else empty
  std::string retired_old;  // physical name of the old column once it is retired
  std::string retired_new;  // physical name of the new column after an undo of expand; with a shadow: the shadow itself
  Direction up;
  std::optional<Direction> down;       // nothing: one way
  std::string insert_default;          // expression for an INSERT that gives neither side; empty: none
  std::string search_path;             // the author's, for both directions
  std::vector<std::string> key;        // primary key columns of the table, for lists of rows
  bool users_before_triggers = false;  // the table has BEFORE ROW triggers of its users
  bool subscribed = false;             // rows arrive by logical replication, for which ordinary triggers do not fire

  [[nodiscard]] bool OneName() const { return !shadow.empty(); }
  [[nodiscard]] bool OneWay() const { return !down.has_value(); }
  // Each side is given the other's value as it is: a column of another name.
  [[nodiscard]] bool Copies() const;
};

// What the two columns are called at the moment, and whose change wins where a user's trigger made them differ.
struct Stage {
  std::string old_physical;
  std::string new_physical;
  bool new_wins = false;
};
Stage StageBeforeSwitch(const Pair& pair);  // expand, migrate
Stage StageAfterSwitch(const Pair& pair);   // with one name: after the swap
Stage StageRetired(const Pair& pair);       // after the old one is retired

enum class Guard { kRaise, kTry, kWhy };
// The SQL of up or down over a row: `row` is "NEW.", "t." or "".
std::string Up(const Pair& pair, const Stage& stage, const std::string& row, Guard guard);
std::string Down(const Pair& pair, const Stage& stage, const std::string& row, Guard guard);
// Both sides tell the same: new = up(old) or old = down(new).
std::string Consistent(const Pair& pair, const Stage& stage, const std::string& row);
// The new side has to be filled: NULL though up gives a value, or not consistent with the old side.
std::string Pending(const Pair& pair, const Stage& stage, const std::string& row);
// left IS DISTINCT FROM right, in which the server would take whatever operator = comes first in a search path.
// `equality` is of the type of both.
std::string Distinct(const std::string& left, const std::string& right, const catalog::Equality& equality);
// left and right are not the same byte by byte, whatever the type's own equality says.
std::string Unlike(const std::string& left, const std::string& right);
// A type as format_type names it, so that no search path can make another of it: "pg_catalog.text", "public.mood".
std::string QualifiedType(const std::string& type);

// CREATE FUNCTION and DROP FUNCTION statements of both directions.
std::vector<std::string> CreateTransforms(const Pair& pair, const std::string& authors_path);
std::vector<std::string> DropTransforms(const Pair& pair);

// For plan.lock.json; see Plan::pairs.
base::Json ToJson(const Pair& pair);
Pair PairFromJson(const base::Json& json);

}  // namespace plan
