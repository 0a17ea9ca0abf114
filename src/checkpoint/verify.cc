#include "checkpoint/verify.h"

#include <fmt/core.h>

#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/read.h"
#include "pg/connection.h"

namespace checkpoint {
namespace {

std::string Difference(const pg::QualifiedName& table, const ContentHash& was, const ContentHash& is) {
  if (was.rows != is.rows) return fmt::format("{}: {} rows, were {}", table.Text(), is.rows, was.rows);
  return fmt::format("{}: as many rows ({}), but other contents", table.Text(), was.rows);
}

}  // namespace

base::Json ToJson(const Verification& verification) {
  base::Json differences = verification.schema;
  for (const std::string& difference : verification.contents) differences.push_back(difference);
  return {{"schema", verification.schema.empty() ? "equal" : "different"},
          {"contents", !verification.contents_checked  ? "not checked"
                       : verification.contents.empty() ? "equal"
                                                       : "different"},
          {"differences", differences}};
}

Verification Verify(const std::string& restored_url, const Checkpoint& checkpoint) {
  pg::Connection restored = pg::Connection::Open({.conninfo = restored_url});
  Verification verification;
  const catalog::Catalog found = catalog::Read(restored, {.relations = checkpoint.tables, .taken_names = false});
  verification.schema = catalog::Differences(checkpoint.touched, catalog::Describe(found, checkpoint.tables));
  if (!checkpoint.content) return verification;
  verification.contents_checked = true;
  for (const auto& [table, hash] : *checkpoint.content) {
    try {
      const ContentHash is = HashTable(restored, table);
      if (is != hash) verification.contents.push_back(Difference(table, hash, is));
    } catch (const base::Error& error) {
      if (restored.Broken()) throw;
      verification.contents.push_back(fmt::format("{}: {}", table.Text(), error.message()));
    }
  }
  return verification;
}

}  // namespace checkpoint
