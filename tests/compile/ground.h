#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pg/connection.h"
#include "plan/plan.h"

// One change, done twice from the same start: as psql does it in autocommit, and as its plan does it through purge.
namespace compile {

// What became of a change in a database: its schema as pg_dump shows it, a line each, sorted, so that the order of
// columns does not count, and the rows of its tables.
struct End {
  std::string schema;
  std::string rows;
  bool operator==(const End&) const = default;
};

struct Outcome {
  enum class Kind {
    kInvalid,  // plain SQL fails: nothing to compare
    kRefused,  // the plan is blocked
    kEqual,
    kDiffers,
    kStuck,  // a step of the plan failed
  };
  Kind kind = Kind::kInvalid;
  std::string text;  // the blockers, the first differences, or the error
};

// Databases made from one that has the start in it. Whoever is connected to that one ends its connection before.
class Ground {
 public:
  explicit Ground(std::string url) : url_(std::move(url)) {}

  // The change as one text; `search_path` as the role has it.
  Outcome Try(const std::string& change);
  // From the end of each step back to the start, by way of the middle: kDiffers and kStuck say from which step. What an
  // undo keeps until `close` does not count.
  Outcome ThereAndBack(const std::string& change);
  // The plan alone, from the start.
  plan::Plan Compiled(const std::string& change);

 private:
  class Copy;
  // Its end, or why plain SQL fails.
  std::variant<End, Outcome> Plain(const std::string& change);

  std::string url_;
};

}  // namespace compile
