#include "plan/access.h"

#include <fmt/format.h>

#include <algorithm>

namespace plan {
namespace {

bool IsWrite(const Access& access) { return access.mode == Mode::kWrite || access.mode == Mode::kEnd; }

// A name that stands for all of its schema, or of its kind.
bool SameObject(const pg::QualifiedName& one, const pg::QualifiedName& other) {
  const auto any = [](const pg::QualifiedName& name) { return name.name.empty() && name.schema.empty(); };
  if (any(one) || any(other)) return true;
  return one.schema == other.schema && (one.name == other.name || one.name.empty() || other.name.empty());
}

}  // namespace

bool Overlap(const Resource& one, const Resource& other) {
  if (one.aspect == Aspect::kAnything || other.aspect == Aspect::kAnything) return true;
  return one.aspect == other.aspect && SameObject(one.object, other.object) &&
         (one.part == other.part || one.part.empty() || other.part.empty());
}

bool Conflict(const Access& one, const Access& other) {
  return one.statement != other.statement && (IsWrite(one) || IsWrite(other)) && Overlap(one.resource, other.resource);
}

bool Severs(const Access& one, const Access& other) {
  const bool pair =
      (one.mode == Mode::kHold && other.mode == Mode::kEnd) || (one.mode == Mode::kEnd && other.mode == Mode::kHold);
  return pair && one.statement != other.statement && Overlap(one.resource, other.resource);
}

Accesses WritesAll(int statement, const pg::QualifiedName& relation) {
  Accesses all;
  for (const Aspect aspect : {Aspect::kName, Aspect::kShape, Aspect::kForm, Aspect::kRows, Aspect::kRules,
                              Aspect::kKeys, Aspect::kConstraint, Aspect::kTraits}) {
    all.push_back(Writes(statement, aspect, relation));
  }
  return all;
}

Access Reads(int statement, Aspect aspect, const pg::QualifiedName& object, const std::string& part) {
  return {statement, Mode::kRead, {aspect, object, part}};
}

Access Writes(int statement, Aspect aspect, const pg::QualifiedName& object, const std::string& part) {
  return {statement, Mode::kWrite, {aspect, object, part}};
}

Accesses Join(Accesses accesses, const Accesses& more) {
  accesses.insert(accesses.end(), more.begin(), more.end());
  return accesses;
}

Accesses OnlyReads(Accesses accesses) {
  std::erase_if(accesses, IsWrite);
  return accesses;
}

Accesses Without(Accesses accesses, Aspect aspect) {
  std::erase_if(accesses, [&](const Access& access) { return access.resource.aspect == aspect; });
  return accesses;
}

std::string Text(const Resource& resource) {
  const std::string object = resource.object.schema.empty() ? resource.object.name : resource.object.Text();
  const auto of = [&](const std::string& one, const std::string& all) {
    return resource.part.empty() ? fmt::format("{} of {}", all, object)
                                 : fmt::format("{} {}.{}", one, object, resource.part);
  };
  switch (resource.aspect) {
    case Aspect::kName:
      return resource.object.name.empty() ? fmt::format("the schema {}", resource.object.schema) : object;
    case Aspect::kRoutine:
      return resource.object.name.empty() ? "functions" : fmt::format("the function {}", object);
    case Aspect::kType:
      return resource.object.name.empty() ? "types" : fmt::format("the type {}", object);
    case Aspect::kShape:
      return of("the column", "the columns");
    case Aspect::kForm:
      return of("the definition of", "the definition");
    case Aspect::kRows:
      return of("the values of", "the rows");
    case Aspect::kRules:
      return fmt::format("what a write to {} sets off", object);
    case Aspect::kKeys:
      return fmt::format("the unique keys of {}", object);
    case Aspect::kConstraint:
      return of("the constraint", "the constraints");
    case Aspect::kTraits:
      return of("the settings of", "the settings");
    case Aspect::kAnything:
      break;
  }
  return "anything";
}

}  // namespace plan
