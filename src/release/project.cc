#include "release/project.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>

#include "base/error.h"
#include "release/nearest.h"
#include "release/trust.h"
#include "release/yaml.h"

namespace release {
namespace {

namespace fs = std::filesystem;

std::string PathFrom(const fs::path& root, const YamlValue& value) {
  return (root / value.Text()).lexically_normal().string();
}

// Bytes a second, in the limits of pg_basebackup.
long RateOf(const YamlValue& value) {
  constexpr long kLeast = 32L << 10;
  constexpr long kMost = 1L << 30;
  const long rate = value.Bytes();
  if (rate < kLeast || rate > kMost) value.Fail(fmt::format("{} must be between 32kB and 1GB", value.path()));
  return rate;
}

// In the repository; where that is one of several, below the folder of all of them: a restored server's socket lies
// there, and the path of a socket is short.
fs::path RestoredBy(const fs::path& repository) {
  fs::path folder;
  for (const fs::path& part : repository) {
    if (part.string().find('{') != std::string::npos) break;
    folder /= part;
  }
  return folder / "restored";
}

base::Json ReadLocal(const YamlValue& value, const fs::path& root) {
  const YamlMap map = value.Map({"provider", "repository", "restored", "max_rate"});
  base::Json options = base::Json::object();
  const auto repository = map.Find("repository");
  if (!repository) return options;
  options["repository"] = PathFrom(root, *repository);
  const auto restored = map.Find("restored");
  options["restored"] =
      restored ? PathFrom(root, *restored) : RestoredBy(options["repository"].get<std::string>()).string();
  if (const auto rate = map.Find("max_rate")) options["max_rate"] = RateOf(*rate);
  return options;
}

// The tools know where their backups go; where a restored server goes is for a person to say, for it takes as much
// space as the old one.
base::Json ReadPgBackRest(const YamlValue& value, const fs::path& root) {
  const YamlMap map = value.Map({"provider", "stanza", "config", "repository", "restored"});
  base::Json options = {{"stanza", map.Require("stanza").Text()},
                        {"restored", PathFrom(root, map.Require("restored"))}};
  constexpr long kRepositories = 256;
  const auto repository = map.Find("repository");
  options["repository"] = repository ? repository->Integer(1, kRepositories) : 1;
  if (const auto config = map.Find("config")) options["config"] = PathFrom(root, *config);
  return options;
}

base::Json ReadBarman(const YamlValue& value, const fs::path& root) {
  const YamlMap map = value.Map({"provider", "server", "config", "restored"});
  base::Json options = {{"server", map.Require("server").Text()},
                        {"restored", PathFrom(root, map.Require("restored"))}};
  if (const auto config = map.Find("config")) options["config"] = PathFrom(root, *config);
  return options;
}

// Each backup tool and its keys.
struct BackupKeys {
  std::string name;
  base::Json (*read)(const YamlValue& value, const fs::path& root);
};
const std::vector<BackupKeys>& BackupTools() {
  static const std::vector<BackupKeys> kTools = {
      {"local", ReadLocal}, {"pgbackrest", ReadPgBackRest}, {"barman", ReadBarman}};
  return kTools;
}

void ReadBackup(const YamlValue& value, const fs::path& root, Backup& backup) {
  std::vector<std::string> names;
  for (const BackupKeys& tool : BackupTools()) names.push_back(tool.name);
  if (const auto provider = value.NamedMap().Find("provider")) backup.provider = provider->OneOf(names);
  const auto tool = std::ranges::find(BackupTools(), backup.provider, &BackupKeys::name);
  backup.options = tool->read(value, root);
}

void ReadPolicy(const YamlValue& value, Policy& policy) {
  const YamlMap map = value.Map({"backup_max_age", "backup_max_wal", "checkpoint_max_age", "lock_timeout",
                                 "lock_retries", "lock_budget", "index_lock_timeout", "slot_max_bytes", "row_values"});
  if (const auto age = map.Find("backup_max_age")) policy.backup_max_age = age->Duration();
  if (const auto bytes = map.Find("backup_max_wal")) policy.backup_max_wal = bytes->Bytes();
  if (const auto age = map.Find("checkpoint_max_age")) policy.checkpoint_max_age = age->Duration();
  if (const auto timeout = map.Find("lock_timeout")) {
    policy.lock_timeout = timeout->Duration();
    // 0 switches PostgreSQL's lock_timeout off: a step would queue, and all that come after it behind it.
    if (policy.lock_timeout.count() <= 0) timeout->Fail(fmt::format("{} must be above 0", timeout->path()));
  }
  if (const auto budget = map.Find("lock_budget")) {
    policy.lock_budget = budget->Duration();
    if (policy.lock_budget.count() <= 0 || policy.lock_budget > std::chrono::minutes(1)) {
      budget->Fail(fmt::format("{} must be above 0 and not above 60s", budget->path()));
    }
  }
  if (const auto timeout = map.Find("index_lock_timeout")) {
    policy.index_lock_timeout = timeout->Duration();
    if (policy.index_lock_timeout.count() <= 0) timeout->Fail(fmt::format("{} must be above 0", timeout->path()));
  }
  if (const auto retries = map.Find("lock_retries")) policy.lock_retries = static_cast<int>(retries->Integer(0, 1000));
  if (const auto values = map.Find("row_values"))
    policy.row_values_shown = values->OneOf({"withheld", "shown"}) == "shown";
  if (const auto bytes = map.Find("slot_max_bytes")) policy.slot_max_bytes = bytes->Bytes();
}

// Names of environments become directories and words on command lines.
void CheckName(const std::string& name, const YamlValue& value) {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (!plain) value.Fail(fmt::format("\"{}\" is no name for an environment", name), "Use letters, digits, - and _.");
}

std::string Choose(const std::vector<std::string>& environments, const Asked& asked) {
  const std::string& name = asked.environment;
  const std::string list = fmt::format("{}", fmt::join(environments, ", "));
  if (name.empty() && environments.size() == 1) return environments.front();
  if (name.empty()) {
    throw base::Error(base::Code::kNoEnvironment, "several environments are possible, and none was named")
        .Hint(fmt::format("Give --env NAME or set SWITCHBACK_ENV: {}.", list));
  }
  if (std::ranges::find(environments, name) != environments.end()) return name;
  const std::string near = Nearest(name, environments);
  throw base::Error(base::Code::kNoEnvironment,
                    fmt::format("{} names the environment \"{}\", which does not exist", asked.by, name))
      .Hint(
          fmt::format("{}switchback.yaml has: {}.", near.empty() ? "" : fmt::format("Did you mean {}? ", near), list));
}

Environment ReadEnvironment(const std::string& name, const std::map<std::string, YamlValue>& bodies,
                            const fs::path& root, const std::vector<std::string>& names, const Policy& policy,
                            const Throttle& throttle, const Backup& backup, const std::vector<Trusted>& trust) {
  Environment environment{.name = name,
                          .trust = trust,
                          .database_env = "",
                          .after = "",
                          .guarded = false,
                          .policy = policy,
                          .throttle = throttle,
                          .backup = backup};
  const auto body = bodies.find(name);
  if (body == bodies.end()) return environment;
  const YamlMap map =
      body->second.Map({"database_env", "role", "trust", "after", "protected", "policy", "throttle", "backup"});
  if (const auto variable = map.Find("database_env")) {
    environment.database_env = variable->Text();
    if (environment.database_env.find_first_of(":/= ") != std::string::npos) {
      variable->Fail(fmt::format("{} must be the name of an environment variable", variable->path()),
                     "Put the connection string into a variable, such as PROD_URL, and its name here.");
    }
  }
  if (const auto role = map.Find("role")) environment.role = role->Text();
  if (const auto own = map.Find("trust")) {
    for (Trusted& trusted : ReadTrust(*own)) environment.trust.push_back(std::move(trusted));
  }
  if (const auto after = map.Find("after")) {
    environment.after = after->OneOf(names);
    if (environment.after == name) after->Fail(fmt::format("{} names the environment itself", after->path()));
  }
  if (const auto guarded = map.Find("protected")) environment.guarded = guarded->OneOf({"true", "false"}) == "true";
  if (const auto own = map.Find("policy")) ReadPolicy(*own, environment.policy);
  if (const auto own = map.Find("throttle")) ReadThrottle(*own, environment.throttle);
  if (const auto own = map.Find("backup")) ReadBackup(*own, root, environment.backup);
  return environment;
}

// Where each of a circle waits for another, none can begin.
void RefuseCircle(const std::map<std::string, std::string>& after, const YamlValue& value) {
  for (const auto& [name, first] : after) {
    std::string at = first;
    for (std::size_t steps = 0; steps < after.size() && !at.empty() && at != name; ++steps) {
      const auto next = after.find(at);
      at = next == after.end() ? "" : next->second;
    }
    if (at == name) value.Fail(fmt::format("`after` of {} leads back to it", name));
  }
}

fs::path FindRoot(const fs::path& start) {
  std::error_code ignored;
  fs::path begin = fs::absolute(start).lexically_normal();
  if (!begin.has_filename() && begin.has_relative_path()) begin = begin.parent_path();
  for (fs::path directory = begin;; directory = directory.parent_path()) {
    if (fs::is_regular_file(directory / "switchback.yaml", ignored)) return directory;
    if (directory == directory.parent_path()) break;
  }
  throw base::Error(base::Code::kNoProject,
                    fmt::format("neither {} nor a directory above it has a switchback.yaml", begin.string()));
}

}  // namespace

fs::path ShownPath(const fs::path& path) {
  std::error_code error;
  const fs::path here = fs::current_path(error);
  if (error || !path.is_absolute()) return path;
  const fs::path relative = path.lexically_relative(here);
  return relative.empty() || relative.begin()->string() == ".." ? path : relative;
}

fs::path Project::StateOf(const std::string& release_name) const { return state_dir / environment.name / release_name; }

std::vector<fs::path> ReleaseDirectories(const Project& project) {
  std::vector<fs::path> directories;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(project.root / "releases", ignored)) {
    if (fs::is_regular_file(entry.path() / "release.yaml", ignored)) directories.push_back(entry.path());
  }
  std::ranges::sort(directories);
  return directories;
}

Project LoadProject(const fs::path& start, const Asked& asked) {
  Project project;
  project.root = FindRoot(start);
  const fs::path file = project.root / "switchback.yaml";
  const YamlValue root = YamlValue::Load(file, ShownPath(file).string());
  const YamlMap map =
      root.Map({"version", "environments", "role", "trust", "backup", "policy", "throttle", "state_dir"});
  map.Require("version").Integer(1, 1);

  const auto environments = map.Find("environments");
  std::map<std::string, YamlValue> bodies;
  if (environments) {
    for (const auto& [name, body] : environments->NamedMap().entries()) {
      CheckName(name, body);
      project.environments.push_back(name);
      bodies.emplace(name, body);
    }
  }
  if (project.environments.empty()) project.environments.emplace_back("default");

  Policy policy;
  Throttle throttle;
  Backup backup;
  std::vector<Trusted> trust;
  if (const auto value = map.Find("trust")) trust = ReadTrust(*value);
  if (const auto value = map.Find("policy")) ReadPolicy(*value, policy);
  if (const auto value = map.Find("throttle")) ReadThrottle(*value, throttle);
  if (const auto value = map.Find("backup")) ReadBackup(*value, project.root, backup);
  const std::string chosen = Choose(project.environments, asked);
  // Every environment is read, so that a mistake in production's part is found while one works on staging.
  std::map<std::string, std::string> after;
  for (const std::string& name : project.environments) {
    Environment environment =
        ReadEnvironment(name, bodies, project.root, project.environments, policy, throttle, backup, trust);
    if (const auto role = map.Find("role"); role && environment.role.empty()) environment.role = role->Text();
    after[name] = environment.after;
    if (name == chosen) project.environment = std::move(environment);
  }
  if (environments) RefuseCircle(after, *environments);
  const auto state = map.Find("state_dir");
  project.state_dir = (project.root / (!state ? ".switchback" : state->Text())).lexically_normal();
  return project;
}

}  // namespace release
