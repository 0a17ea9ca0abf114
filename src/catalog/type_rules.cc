#include "catalog/type_rules.h"

namespace catalog {
namespace {

// OIDs of built-in types never change.
constexpr std::uint32_t kBool = 16;
constexpr std::uint32_t kName = 19;
constexpr std::uint32_t kInt8 = 20;
constexpr std::uint32_t kInt2 = 21;
constexpr std::uint32_t kInt4 = 23;
constexpr std::uint32_t kText = 25;
constexpr std::uint32_t kFloat4 = 700;
constexpr std::uint32_t kFloat8 = 701;
constexpr std::uint32_t kVarchar = 1043;
constexpr std::uint32_t kTime = 1083;
constexpr std::uint32_t kTimestamp = 1114;
constexpr std::uint32_t kTimestamptz = 1184;
constexpr std::uint32_t kInterval = 1186;
constexpr std::uint32_t kTimetz = 1266;
constexpr std::uint32_t kVarbit = 1562;
constexpr std::uint32_t kNumeric = 1700;
constexpr std::uint32_t kUuid = 2950;

constexpr int kFullPrecision = 6;  // of times

int PrecisionOf(int numeric_typmod) { return ((numeric_typmod - 4) >> 16) & 0xffff; }
int ScaleOf(int numeric_typmod) { return (((numeric_typmod - 4) & 0x7ff) ^ 1024) - 1024; }

// An interval's modifier has a bit for each of its fields in the upper half. What counts is the least one: greater
// fields are always kept.
int LeastFieldOf(int interval_typmod) {
  const int fields = interval_typmod < 0 ? 0x7fff : (interval_typmod >> 16) & 0x7fff;
  int rank = 0;
  for (const int bit : {12, 11, 10, 3, 1}) {  // second, minute, hour, day, month; else year
    if ((fields >> bit & 1) != 0) return rank;
    ++rank;
  }
  return rank;
}
int FractionOf(int interval_typmod) { return interval_typmod < 0 ? 0xffff : interval_typmod & 0xffff; }

bool IntervalOnlyWidens(int from, int to) {
  const bool has_seconds = LeastFieldOf(from) == 0;
  return LeastFieldOf(to) <= LeastFieldOf(from) &&
         (!has_seconds || FractionOf(to) >= kFullPrecision || FractionOf(to) >= FractionOf(from));
}

// Whether the server leaves values of `type` alone where their modifier `from` becomes `to`: the rule of the support
// functions of its length coercions.
bool ModifierOnlyWidens(std::uint32_t type, int from, int to) {
  if (to < 0 || from == to) return true;
  switch (type) {
    case kVarchar:
    case kVarbit:
      return from >= 0 && from <= to;
    case kNumeric:
      return from >= 0 && ScaleOf(from) == ScaleOf(to) && PrecisionOf(from) <= PrecisionOf(to);
    case kTime:
    case kTimetz:
    case kTimestamp:
    case kTimestamptz:
      return to >= kFullPrecision || (from >= 0 && from <= to);
    case kInterval:
      return IntervalOnlyWidens(from, to);
    default:
      return false;
  }
}

bool NumericKeepsAll(int from, int to) {
  return to < 0 || (from >= 0 && ScaleOf(to) >= ScaleOf(from) &&
                    PrecisionOf(to) - ScaleOf(to) >= PrecisionOf(from) - ScaleOf(from));
}

// Between unlike types without a modifier on the target: no value raises, none loses anything.
bool AlwaysKeepsAll(std::uint32_t from, std::uint32_t to) {
  static const std::set<std::pair<std::uint32_t, std::uint32_t>> kSafe = {
      {kInt2, kInt4},    {kInt2, kInt8},   {kInt4, kInt8},   {kInt2, kNumeric}, {kInt4, kNumeric},
      {kInt8, kNumeric}, {kInt2, kFloat4}, {kInt2, kFloat8}, {kInt4, kFloat8},  {kFloat4, kFloat8}};
  if (kSafe.contains({from, to})) return true;
  static const std::set<std::uint32_t> kPrinted = {kInt2, kInt4, kInt8, kNumeric, kBool, kName, kUuid, kText, kVarchar};
  return (to == kText || to == kVarchar) && kPrinted.contains(from);
}

}  // namespace

const TypeFacts& TypeRules::Of(std::uint32_t oid) const {
  static const TypeFacts kUnknown;
  const auto found = facts_.find(oid);
  return found == facts_.end() ? kUnknown : found->second;
}

SizedType TypeRules::Flat(SizedType type) const {
  while (Of(type.oid).kind == 'd') type = {Of(type.oid).base, Of(type.oid).base_typmod};
  return type;
}

bool TypeRules::Constrained(std::uint32_t oid) const {
  for (; Of(oid).kind == 'd'; oid = Of(oid).base) {
    if (Of(oid).constrained) return true;
  }
  return false;
}

Equality TypeRules::EqualityOf(std::uint32_t oid) const {
  const Equality none{.by = "", .as = ""};
  const auto& type = Of(oid);
  if (type.kind == 'd') {
    Equality base = EqualityOf(type.base);
    if (base.as.empty()) base.as = Of(type.base).name;
    return base.by.empty() ? none : base;
  }
  if (type.element != 0) return EqualityOf(type.element).by.empty() ? none : Equality{};
  if (type.kind == 'e') return {.exact = true};
  if (type.kind == 'r' || type.kind == 'm') return {};
  // Rows compare field by field, and raise where one of them cannot.
  return type.kind == 'c' ? none : type.equality;
}

bool TypeRules::CastExists(std::uint32_t from, std::uint32_t to) const {
  if (from == to || casts_.contains({from, to})) return true;
  const auto& source = Of(from);
  const auto& target = Of(to);
  if (source.category == 'S' || target.category == 'S') return true;  // by their text
  return source.element != 0 && target.element != 0 &&
         CastExists(Flat({source.element}).oid, Flat({target.element}).oid);
}

bool TypeRules::Coercible(SizedType from, SizedType to) const {
  if (from == to) return true;
  if (from.oid != to.oid && Constrained(to.oid)) return false;
  // The server looks at the modifier that the column itself has: a domain's values have none for it.
  const bool domain = Of(from.oid).kind == 'd';
  const SizedType source{Flat(from).oid, domain ? -1 : from.typmod};
  const auto target = Flat(to);
  if (source.oid == target.oid) return ModifierOnlyWidens(target.oid, source.typmod, target.typmod);
  const auto cast = casts_.find({source.oid, target.oid});
  return cast != casts_.end() && cast->second && ModifierOnlyWidens(target.oid, -1, target.typmod);
}

bool TypeRules::Safe(SizedType from, SizedType to) const {
  if (from == to) return true;
  if (Constrained(to.oid)) return false;
  const auto source = Flat(from);
  const auto target = Flat(to);
  if (source.oid == target.oid) {
    return target.oid == kNumeric ? NumericKeepsAll(source.typmod, target.typmod)
                                  : ModifierOnlyWidens(target.oid, source.typmod, target.typmod);
  }
  if (target.typmod >= 0) return false;
  const bool enum_as_text = Of(source.oid).kind == 'e' && (target.oid == kText || target.oid == kVarchar);
  return enum_as_text || AlwaysKeepsAll(source.oid, target.oid);
}

std::set<std::string> TypeRules::OtherClasses(std::uint32_t from, std::uint32_t to) const {
  const TypeFacts& one = Of(Flat({from}).oid);
  const TypeFacts& other = Of(Flat({to}).oid);
  if (one.element != 0 && other.element != 0) return OtherClasses(one.element, other.element);
  std::set<std::string> methods;
  for (const auto* facts : {&one, &other}) {
    for (const auto& entry : facts->classes) {
      const auto known = [&](const TypeFacts& of) {
        const auto found = of.classes.find(entry.first);
        return found == of.classes.end() ? 0 : found->second;
      };
      if (known(one) != known(other)) methods.insert(entry.first);
    }
  }
  return methods;
}

bool TypeRules::SameOrder(std::uint32_t from, std::uint32_t to) const {
  if (Of(from).collation != Of(to).collation) return false;
  if (Flat({from}).oid == Flat({to}).oid) return true;
  const std::set<std::string> other = OtherClasses(from, to);
  return !EqualityOf(from).by.empty() && !EqualityOf(to).by.empty() && !other.contains("btree") &&
         !other.contains("hash");
}

Cast TypeRules::Between(SizedType from, SizedType to) const {
  Cast cast;
  cast.exists = CastExists(Flat(from).oid, Flat(to).oid);
  cast.coercible = cast.exists && Coercible(from, to);
  cast.safe = cast.exists && Safe(from, to);
  cast.same_order = SameOrder(from.oid, to.oid);
  cast.methods = OtherClasses(from.oid, to.oid);
  return cast;
}

}  // namespace catalog
