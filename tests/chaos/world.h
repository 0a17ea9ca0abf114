#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "random.h"

namespace chaos {

// The tables that applications work on, a release that changes them, and what each version may read of them. What only
// the new version has comes back with its values where the release is undone and run again. Pure.

enum class Version { kOld, kNew };
const char* Name(Version version);

using Value = std::optional<std::string>;  // in PostgreSQL's text form; nothing: NULL

// What the release does to a column.
enum class Kind {
  kPlain,     // nothing that applications can see
  kRenamed,   // another name
  kRetyped,   // another name and type
  kWidened,   // another type under its own name: the phase `switch`
  kLossy,     // another name; up: lower(btrim(old)), down: new
  kAdded,     // only the new version has it, NOT NULL with a default
  kDropped,   // only the old version has it
  kCounter,   // the release adds kStride to each third row; applications add less than that
  kReference  // to a row of the parent table
};
constexpr std::int64_t kStride = 1000;

struct Column {
  std::string name;    // in the model
  std::string before;  // in the old version; empty: not there
  std::string after;   // in the new version
  Kind kind = Kind::kPlain;
  bool number = false;
  bool nullable = false;

  [[nodiscard]] const std::string& In(Version version) const { return version == Version::kOld ? before : after; }
};

struct Table {
  std::string name;
  std::vector<Column> columns;  // without the key, a bigint "id"
  std::string parent;           // of its kReference; its rows go with those of the parent
  bool made = false;            // by the release
};

// A column's value as both versions see it.
struct Cell {
  Value before;
  Value after;
  bool operator==(const Cell&) const = default;
};
// What a cell is once an application wrote `value`.
Cell Written(const Column& column, Version by, const Value& value);
// What a column of a row is that the version inserts, which may not know it.
Cell Inserted(const Column& column, Version by, const Value& value);
// A value that an application may write.
Value Fresh(const Column& column, Version by, int number);
// The value of rows that no application ever touches, as SQL over "id".
std::string ColdSql(const Column& column, Version version);
constexpr std::int64_t kColdFrom = 1'000'000;

struct World {
  std::vector<Table> tables;
  std::string schema;         // SQL of the tables, empty
  std::string change;         // change.sql of the release
  std::string transforms;     // lines of release.yaml
  std::string second_change;  // of the second release, on a table of the first
  bool data = false;          // the release changes rows
  int cold_rows = 0;          // of each table

  [[nodiscard]] const Table& Named(const std::string& name) const;
};

World DrawWorld(std::uint64_t seed);

}  // namespace chaos
