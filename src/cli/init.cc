#include <fmt/core.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "journal/mirror.h"
#include "release/scaffold.h"
#include "rollout/grants.h"
#include "rollout/provider.h"
#include "rollout/target.h"

namespace cli {
namespace {

namespace fs = std::filesystem;

// The server's account must be able to write there: root works for any, everyone else only for a server of their own.
// The server is known at the first contact; whatever is named before could be shared by two.
std::string DefaultRepository() {
  return base::RunningAsRoot() ? "/var/backups/switchback/{system_identifier}"
                               : ".switchback/backups/{system_identifier}";
}

std::vector<std::string> WriteFiles(const fs::path& directory, const std::string& repository) {
  std::vector<std::string> made;
  std::error_code ignored;
  base::MakeDirectories(directory / "releases", 0755);
  if (!fs::exists(directory / ".gitignore", ignored)) {
    base::WriteFile(directory / ".gitignore", ".switchback/\n");
    made.emplace_back(".gitignore");
  }
  if (!fs::exists(directory / "switchback.yaml", ignored)) {
    base::WriteFile(directory / "switchback.yaml", release::ProjectYaml(repository));
    made.emplace_back("switchback.yaml");
  }
  return made;
}

// The failures that leave the files useful: there is simply no target to look at yet.
bool IsAbsence(const base::Error& error) {
  switch (error.code()) {
    case base::Code::kNoDatabase:
    case base::Code::kUnreachable:
    case base::Code::kAuthentication:
      return true;
    default:
      return false;
  }
}

std::string InstallSchema(pg::Connection& connection, rollout::Target& target) {
  try {
    journal::InstallSchema(connection);
    return "installed";
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kPrivilege) throw;
    target.missing.push_back({"the role may not make the schema switchback", error.hint()});
    return "missing";
  }
}

std::string TargetText(const rollout::Target& target, const std::string& where, bool applied) {
  std::string text = fmt::format("\n\ntarget: {} (PostgreSQL {}, database {}, role {})", where, target.version,
                                 target.database, target.role);
  for (const rollout::Missing& missing : target.missing)
    text += fmt::format("\n  off: {}\n       {}", missing.text, missing.remedy);
  for (const std::string& found : target.found) text += "\n  found: " + found;
  for (const backup::Setting& setting : target.settings) {
    text += fmt::format("\n  {}: {} is \"{}\"{}\n       {}", applied ? "set" : "off", setting.name, setting.current,
                        setting.restart ? " (takes effect after a restart of the server)" : "",
                        rollout::ApplyStatement(setting));
  }
  if (target.missing.empty() && target.settings.empty()) text += "\n  everything that switchback needs is on";
  return text;
}

std::string Next(const rollout::Target& target, bool applied) {
  if (applied && target.NeedsRestart())
    return "restart the server, then run `switchback init` again to see that everything is on";
  if (!target.settings.empty() && !applied) {
    return target.superuser ? "switchback init --apply writes the settings, or run the statements yourself"
                            : "run the statements above as a superuser";
  }
  if (!target.missing.empty()) {
    return target.superuser ? "do what stands below each line that is off" : "run the statements above as a superuser";
  }
  return "switchback new NAME";
}

// Looks at the target, makes it ready as far as asked, and adds what it found to the outcome.
void Visit(Context& context, bool apply, rollout::ArchiveChoice choice, Outcome& outcome) {
  const pg::ConnectOptions options = context.Database();
  pg::Connection connection = pg::Connection::Open(options);
  const release::Environment& environment = context.project().environment;
  rollout::Target target = rollout::ReadTarget(connection, environment, choice);
  const std::string schema = InstallSchema(connection, target);
  const bool applied = apply && !target.settings.empty();
  if (apply) rollout::MakeProvider(environment, backup::ReadLine(connection))->PrepareArchive(connection);
  if (applied) rollout::ApplySettings(connection, target.settings);
  outcome.result["target"] = ToJson(target);
  outcome.result["target"]["schema"] = schema;
  outcome.result["target"]["applied"] = applied;
  outcome.text +=
      TargetText(target, options.conninfo.empty() ? "PG* variables" : pg::Redacted(options.conninfo), applied);
  outcome.next = Next(target, applied);
}

// Who grants need not have the project.
pg::ConnectOptions DatabaseOf(const Invocation& invocation, const fs::path& directory) {
  Context context(invocation, directory);
  try {
    return context.Database();
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kNoProject) throw;
    return ChooseDatabase(invocation, nullptr);
  }
}

// The role that switchback.yaml names, where there is one and it does.
std::string RoleOf(const Invocation& invocation, const fs::path& directory, const std::string& self) {
  try {
    const std::string& role = Context(invocation, directory).project().environment.role;
    return role.empty() ? self : role;
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kNoProject) throw;
    return self;
  }
}

// Looks only: neither files nor a schema are made.
Outcome PrintGrants(const Invocation& invocation, const fs::path& directory) {
  pg::Connection connection = pg::Connection::Open(DatabaseOf(invocation, directory));
  const pg::Result self = connection.Exec("SELECT current_user, current_database()");
  const std::string role =
      invocation.Has("--role") ? invocation.Option("--role") : RoleOf(invocation, directory, self.Text(0, 0));
  const std::vector<rollout::Ability> abilities = rollout::ReadGrants(connection, role);
  return {.result = {{"role", role}, {"database", self.Text(0, 1)}, {"abilities", ToJson(abilities)}},
          .text = rollout::GrantScript(self.Text(0, 1), role, abilities)};
}

Outcome RunInit(const Invocation& invocation) {
  const std::string given = invocation.Argument("DIR");
  fs::path directory = fs::absolute(given.empty() ? "." : given).lexically_normal();
  if (!directory.has_filename()) directory = directory.parent_path();
  if (invocation.Has("--print-grants")) return PrintGrants(invocation, directory);
  if (invocation.Has("--role")) throw base::Error(base::Code::kUsage, "--role goes with --print-grants");
  const rollout::ArchiveChoice choice = rollout::ParseArchiveChoice(invocation.Option("--archive-command"));
  const std::string repository = invocation.Option("--repository");
  const std::vector<std::string> made = WriteFiles(directory, repository.empty() ? DefaultRepository() : repository);

  Outcome outcome{.result = {{"directory", directory.string()}, {"made", made}, {"target", nullptr}}};
  outcome.text = made.empty()
                     ? fmt::format("{} has a switchback.yaml already; it was left as it is", directory.string())
                     : fmt::format("made {} in {}", fmt::join(made, ", "), directory.string());
  Context context(invocation, directory);
  try {
    Visit(context, invocation.Has("--apply"), choice, outcome);
  } catch (const base::Error& error) {
    if (invocation.Has("--apply") || !IsAbsence(error)) throw;
    outcome.result["target_error"] = error.ToJson();
    outcome.text += fmt::format("\n\ntarget: not looked at: {}\n  {}", error.message(), error.hint());
    outcome.next = "name the database, then run `switchback init` again to see what is off in it";
  }
  return outcome;
}

}  // namespace

Command Init() {
  return {
      .name = "init",
      .summary = "Make a project, and look at what the target lacks",
      .arguments = {{.name = "DIR", .help = "the project's directory (default: this one)", .required = false}},
      .options = {{.name = "--apply", .help = "write the settings that are off with ALTER SYSTEM; needs a superuser"},
                  {.name = "--archive-command",
                   .value = "WORD",
                   .help =
                       "what becomes of an archive_command that is there: beside (it runs behind ours), replace, or "
                       "leave (default: leave where a provider fits its tool, else beside)"},
                  {.name = "--repository",
                   .value = "PATH",
                   .help = "where backups and WAL go, for a new switchback.yaml; {system_identifier} in it becomes the "
                           "server's (default: a folder named so)"},
                  {.name = "--print-grants",
                   .help = "only print the GRANT statements that a role without superuser needs, for psql"},
                  {.name = "--role", .value = "NAME", .help = "whose rights (default: the role that connects)"}},
      .text =
          "Writes switchback.yaml and releases/ where they are missing, makes the schema switchback in the target, and "
          "prints\n"
          "which settings and rights are off with the statements that turn them on. Without a reachable database it "
          "writes\n"
          "the files and says so. Run it again at any time: a switchback.yaml that is there is never changed.",
      .verb = RunInit,
      .changes = true};
}

}  // namespace cli
