#include "recover/drift.h"

#include "catalog/catalog.h"
#include "catalog/read.h"
#include "journal/mirror.h"

namespace recover {

std::vector<std::string> Drift(pg::Connection& connection, const plan::Plan& plan, bool begun) {
  std::optional<base::Json> left;
  if (begun && journal::SchemaInstalled(connection)) left = journal::LoadTouched(connection, plan.release);
  const catalog::Catalog found = catalog::Read(connection, {.relations = plan.tables, .types = {}});
  return catalog::Differences(left ? *left : plan.touched, catalog::Describe(found, plan.tables));
}

}  // namespace recover
