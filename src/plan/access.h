#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg/quote.h"

// What statements, and the steps that stand for parts of them, read and write. Where two of them need the same, their
// steps must stand as the author's statements do.
namespace plan {

enum class Aspect {
  kName,        // of a relation; without a name: any in the schema
  kRoutine,     // a function, by its name alone; without a name: any
  kType,        // likewise
  kShape,       // which columns a relation has
  kForm,        // their types, defaults and NOT NULL
  kRows,        // their values; which rows there are
  kRules,       // what happens to a statement that writes the relation: triggers, rules, actions of foreign keys
  kKeys,        // its unique indexes
  kConstraint,  // its constraints
  kTraits,      // comments, statistics, rights and the like
  kAnything,    // nobody can tell
};

// `part`: a column or a constraint; empty: all of them. Settings of a relation itself have the part kItself.
inline constexpr const char* kItself = "(itself)";
struct Resource {
  Aspect aspect = Aspect::kAnything;
  pg::QualifiedName object = {};
  std::string part = {};
  bool operator==(const Resource&) const = default;
};

enum class Mode {
  kRead,
  kWrite,
  kHold,  // reads, and what it makes hangs on it from then on
  kEnd,   // writes, and nothing may hang on it any more
};

struct Access {
  int statement = 0;  // of the author's text, from 1
  Mode mode = Mode::kRead;
  Resource resource = {};
  bool operator==(const Access&) const = default;
};
using Accesses = std::vector<Access>;

bool Overlap(const Resource& one, const Resource& other);
// Whether the two may change places without a difference.
bool Conflict(const Access& one, const Access& other);
// Whether one of them hangs on what the other one takes away, in whatever order.
bool Severs(const Access& one, const Access& other);

// All that a relation is.
Accesses WritesAll(int statement, const pg::QualifiedName& relation);
Access Reads(int statement, Aspect aspect, const pg::QualifiedName& object, const std::string& part = "");
Access Writes(int statement, Aspect aspect, const pg::QualifiedName& object, const std::string& part = "");
Accesses Join(Accesses accesses, const Accesses& more);
// What only reads, and what has nothing to do with this aspect.
Accesses OnlyReads(Accesses accesses);
Accesses Without(Accesses accesses, Aspect aspect);

// "the rows of public.users".
std::string Text(const Resource& resource);

}  // namespace plan
