#include "cli/provider.h"

#include <filesystem>

#include "backup/local/local.h"
#include "backup/local/repository.h"
#include "base/error.h"

namespace cli {
namespace {

std::filesystem::path LocalRepository(const release::Environment& environment) {
  const base::Json& options = environment.backup.options;
  if (!options.contains("repository")) {
    throw base::Error(base::Code::kNoRepository, "switchback.yaml names no repository for backups");
  }
  return options["repository"].get<std::string>();
}

}  // namespace

std::unique_ptr<backup::BackupProvider> MakeProvider(const release::Environment& environment) {
  return std::make_unique<backup::local::LocalProvider>(LocalRepository(environment));
}

void PrepareArchive(const release::Environment& environment) {
  backup::local::PrepareRepository(LocalRepository(environment));
}

}  // namespace cli
