#include "rollout/provider.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "backup/barman/barman.h"
#include "backup/local/local.h"
#include "backup/local/repository.h"
#include "backup/pgbackrest/pgbackrest.h"
#include "base/error.h"
#include "base/time.h"
#include "checkpoint/checkpoint.h"

namespace rollout {
namespace {

// One backup tool. Its keys in switchback.yaml stand in release/project.cc.
struct Driver {
  std::string_view name;
  std::unique_ptr<backup::BackupProvider> (*make)(const base::Json& options, const backup::Line& line);
};

std::unique_ptr<backup::BackupProvider> MakeLocal(const base::Json& options, const backup::Line& line) {
  return std::make_unique<backup::local::LocalProvider>(
      backup::local::RepositoryOf(options.at("repository").get<std::string>(), line),
      options.value("max_rate", std::int64_t{0}));
}

std::unique_ptr<backup::BackupProvider> MakePgBackRest(const base::Json& options, const backup::Line& /*line*/) {
  return std::make_unique<backup::pgbackrest::PgBackRestProvider>(backup::pgbackrest::Options{
      .stanza = options.at("stanza"), .config = options.value("config", ""), .repository = options.at("repository")});
}

std::unique_ptr<backup::BackupProvider> MakeBarman(const base::Json& options, const backup::Line& /*line*/) {
  return std::make_unique<backup::barman::BarmanProvider>(
      backup::barman::Options{.server = options.at("server"), .config = options.value("config", "")});
}

const base::Json& OptionsOf(const release::Environment& environment) {
  const base::Json& options = environment.backup.options;
  if (options.empty()) throw base::Error(base::Code::kNoRepository, "switchback.yaml does not say where backups go");
  return options;
}

// The tool was asked, and this is its answer.
bool SaysNo(base::Code code) {
  return code == base::Code::kNoBackupForPoint || code == base::Code::kPointNotArchived ||
         code == base::Code::kArchiveGap || code == base::Code::kPointUnknown;
}

constexpr std::array kDrivers = {Driver{"local", MakeLocal}, Driver{"pgbackrest", MakePgBackRest},
                                 Driver{"barman", MakeBarman}};

}  // namespace

std::unique_ptr<backup::BackupProvider> MakeProvider(const release::Environment& environment,
                                                     const backup::Line& line) {
  const auto driver = std::ranges::find(kDrivers, environment.backup.provider, &Driver::name);
  if (driver == kDrivers.end()) {
    throw base::Error(base::Code::kInternal, "there is no driver for " + environment.backup.provider);
  }
  return driver->make(OptionsOf(environment), line);
}

std::unique_ptr<backup::BackupProvider> ProviderIfAny(const release::Environment& environment,
                                                      const std::filesystem::path& state) {
  const std::optional<checkpoint::Checkpoint> checkpoint = checkpoint::Find(state);
  if (!checkpoint) return nullptr;
  try {
    return MakeProvider(environment, backup::LineOf(checkpoint->point));
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kNoRepository) throw;
    return nullptr;
  }
}

std::filesystem::path NewServerDirectory(const release::Environment& environment) {
  std::string name = base::FormatTime(base::Now()).substr(0, 19);
  std::erase_if(name, [](char c) { return c == '-' || c == ':'; });
  const std::filesystem::path folder = OptionsOf(environment).at("restored").get<std::string>();
  std::filesystem::path directory = folder / (name + "Z");
  for (int i = 2; std::filesystem::exists(directory); ++i) directory = folder / fmt::format("{}Z-{}", name, i);
  return directory;
}

Restorable AskRestorable(const release::Environment& environment, const backup::Point& point) {
  try {
    MakeProvider(environment, backup::LineOf(point))->CheckRestorable(point);
    return {.can = true, .why_not = ""};
  } catch (const base::Error& error) {
    const std::string why = error.detail().empty() ? error.message() : error.message() + " (" + error.detail() + ")";
    return {.can = SaysNo(error.code()) ? std::optional<bool>(false) : std::nullopt, .why_not = why};
  }
}

}  // namespace rollout
