#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "catalog/catalog.h"

namespace catalog {

// What the server knows of a type.
struct TypeFacts {
  char kind = 'b';         // b base, c composite, d domain, e enum, p pseudo, r range, m multirange
  char category = 'U';     // S string, ...
  std::uint32_t base = 0;  // of a domain
  int base_typmod = -1;
  std::uint32_t element = 0;  // of an array
  bool constrained = false;   // a domain with constraints of its own
  std::string name = {};      // with its schema
  Equality equality = {.by = ""};
  std::uint32_t collation = 0;
  // By index method: the operator class that an index of such a column has where none is named.
  std::map<std::string, std::uint32_t> classes = {};
};

// A type with its modifier: varchar and 20.
struct SizedType {
  std::uint32_t oid = 0;
  int typmod = -1;
  auto operator<=>(const SizedType&) const = default;
};

// Rules about types, on facts that were read before. Pure.
class TypeRules {
 public:
  using Pair = std::pair<std::uint32_t, std::uint32_t>;
  TypeRules(std::map<std::uint32_t, TypeFacts> facts, std::map<Pair, bool> casts)
      : facts_(std::move(facts)), casts_(std::move(casts)) {}

  [[nodiscard]] Equality EqualityOf(std::uint32_t oid) const;
  [[nodiscard]] Cast Between(SizedType from, SizedType to) const;

 private:
  [[nodiscard]] const TypeFacts& Of(std::uint32_t oid) const;
  // A domain's base type, with the modifier that it gives; other types as they are.
  [[nodiscard]] SizedType Flat(SizedType type) const;
  [[nodiscard]] bool Constrained(std::uint32_t oid) const;
  [[nodiscard]] bool CastExists(std::uint32_t from, std::uint32_t to) const;
  [[nodiscard]] bool Coercible(SizedType from, SizedType to) const;
  [[nodiscard]] bool Safe(SizedType from, SizedType to) const;
  // Index methods for which the two have another operator class by default.
  [[nodiscard]] std::set<std::string> OtherClasses(std::uint32_t from, std::uint32_t to) const;
  [[nodiscard]] bool SameOrder(std::uint32_t from, std::uint32_t to) const;

  std::map<std::uint32_t, TypeFacts> facts_;
  std::map<Pair, bool> casts_;  // -> binary coercible
};

}  // namespace catalog
