#include "rollout/target.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"
#include "pg/quote.h"
#include "rollout/provider.h"
#include "rollout/sql_text.h"

namespace rollout {
namespace {

// Senders: one for a base backup, one for its WAL, one for the stream. Slots: the release's, and one in reserve.
constexpr long kSenders = 4;
constexpr long kSlots = 2;

long Number(const std::string& text) {
  long number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Nothing: the setting is as wanted.
std::string Wanted(const std::string& name, const std::string& setting, const release::Policy& policy) {
  if (name == "wal_level") return setting == "logical" ? "" : "logical";
  if (name == "max_wal_senders") return Number(setting) >= kSenders ? "" : std::to_string(kSenders);
  if (name == "max_replication_slots") return Number(setting) >= kSlots ? "" : std::to_string(kSlots);
  // Unlimited, a forgotten slot would fill the server's disk.
  if (name == "max_slot_wal_keep_size" && setting == "-1")
    return fmt::format("{}MB", policy.slot_max_bytes / (1024L * 1024));
  return "";
}

void ReadSettings(pg::Connection& connection, const release::Policy& policy, Target& target) {
  const pg::Result rows =
      connection.Query(std::string(sql_text::kReadSettings),
                       {"{wal_level,max_wal_senders,max_replication_slots,max_slot_wal_keep_size}"});
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string wanted = Wanted(rows.Text(row, 0), rows.Text(row, 2), policy);
    if (wanted.empty()) continue;
    target.settings.push_back(
        {.name = rows.Text(row, 0), .current = rows.Text(row, 1), .wanted = wanted, .restart = rows.Bool(row, 3)});
  }
}

constexpr const char* kCommand = "archive_command";

// Nothing is wanted: the command that is there stays as it is, and what to do about it is said.
std::optional<backup::Setting> CommandSetting(backup::Setting setting, const backup::FoundCommand& found,
                                              ArchiveChoice choice, Target& target) {
  if (choice == ArchiveChoice::kReplace) return setting;
  const std::string ours = setting.wanted;
  setting.wanted = backup::Beside(ours, found);
  const bool beside = choice == ArchiveChoice::kBeside || !found.HasProvider();
  if (choice != ArchiveChoice::kLeave && beside && !setting.wanted.empty()) {
    target.found.push_back(backup::What(found) + ": both are served, this provider's command first");
    return setting;
  }
  target.missing.push_back(
      {fmt::format("{}, and that stays: {}", backup::What(found), found.command),
       setting.wanted.empty()
           ? fmt::format(
                 "a comment in it keeps it from running behind another one: take it out, or write what runs both "
                 "yourself. Ours is: {}",
                 ours)
           : fmt::format("{}; `switchback init --apply --archive-command beside` lets both run, `--archive-command "
                         "replace` ends it",
                         backup::WhatFits(found))});
  return std::nullopt;
}

// Beside a library PostgreSQL 16 refuses a command, and 15 ignores it.
void RefuseBesideLibrary(pg::Connection& connection, Target& target) {
  const pg::Result library = connection.Query("SELECT current_setting('archive_library', true)");
  if (library.IsNull(0, 0) || library.Text(0, 0).empty()) return;
  std::erase_if(target.settings, [](const backup::Setting& setting) { return setting.name == kCommand; });
  target.missing.push_back(
      {fmt::format("the server archives with archive_library = {}, and that stays", library.Text(0, 0)),
       "a command does not run beside it: where nobody needs the library, ALTER SYSTEM SET archive_library = '', and "
       "run "
       "`switchback init --apply` again"});
}

void ReadArchiving(pg::Connection& connection, const release::Environment& environment, ArchiveChoice choice,
                   Target& target) {
  try {
    const backup::Readiness readiness = MakeProvider(environment, backup::ReadLine(connection))->Check(connection);
    for (const backup::Problem& problem : readiness.problems) target.missing.push_back({problem.text, problem.remedy});
    for (const backup::Setting& setting : readiness.settings) {
      std::optional<backup::Setting> wanted = setting;
      if (setting.name == kCommand && readiness.found) {
        wanted = CommandSetting(setting, *readiness.found, choice, target);
      }
      if (wanted && std::ranges::find(target.settings, setting.name, &backup::Setting::name) == target.settings.end()) {
        target.settings.push_back(*wanted);
      }
    }
    RefuseBesideLibrary(connection, target);
  } catch (const base::Error& error) {
    target.missing.push_back({error.message(), error.hint()});
  }
}

}  // namespace

bool Target::NeedsRestart() const { return std::ranges::any_of(settings, &backup::Setting::restart); }

ArchiveChoice ParseArchiveChoice(const std::string& text) {
  if (text.empty()) return ArchiveChoice::kByTool;
  if (text == "beside") return ArchiveChoice::kBeside;
  if (text == "replace") return ArchiveChoice::kReplace;
  if (text == "leave") return ArchiveChoice::kLeave;
  throw base::Error(base::Code::kUsage, fmt::format("--archive-command {}: it is beside, replace or leave", text));
}

Target ReadTarget(pg::Connection& connection, const release::Environment& environment, ArchiveChoice choice) {
  const pg::Result row = connection.Query(std::string(sql_text::kReadTarget));
  Target target{
      .role = row.Text(0, 0), .database = row.Text(0, 1), .version = row.Text(0, 2), .superuser = row.Bool(0, 3)};
  const std::string role = pg::Ident(target.role);
  if (!row.Bool(0, 4)) {
    target.missing.push_back(
        {"the role may neither take base backups nor open a slot", fmt::format("ALTER ROLE {} REPLICATION;", role)});
  }
  if (!row.Bool(0, 5) || !row.Bool(0, 6)) {
    target.missing.push_back(
        {"the role may not set restore points",
         fmt::format(
             "GRANT EXECUTE ON FUNCTION pg_catalog.pg_create_restore_point(text), pg_catalog.pg_switch_wal() TO {};",
             role)});
  }
  if (!row.Bool(0, 7)) {
    target.missing.push_back({fmt::format("the schema switchback belongs to the role {}", row.Text(0, 8)),
                              "run switchback as that role; or, where no release is open, drop the schema as that role "
                              "and run `switchback init` again"});
  }
  ReadSettings(connection, environment.policy, target);
  ReadArchiving(connection, environment, choice, target);
  return target;
}

std::string ApplyStatement(const backup::Setting& setting) {
  return fmt::format("ALTER SYSTEM SET {} = {};", setting.name, pg::Literal(setting.wanted));
}

void ApplySettings(pg::Connection& connection, const std::vector<backup::Setting>& settings) {
  for (const backup::Setting& setting : settings) connection.Exec(ApplyStatement(setting));
  connection.Exec("SELECT pg_reload_conf()");
}

base::Json ToJson(const Target& target) {
  base::Json json = {{"role", target.role},
                     {"database", target.database},
                     {"server_version", target.version},
                     {"missing", base::Json::array()},
                     {"settings", base::Json::array()},
                     {"found", target.found},
                     {"needs_restart", target.NeedsRestart()}};
  for (const Missing& missing : target.missing) {
    json["missing"].push_back({{"text", missing.text}, {"remedy", missing.remedy}});
  }
  for (const backup::Setting& setting : target.settings) {
    json["settings"].push_back({{"name", setting.name},
                                {"current", setting.current},
                                {"wanted", setting.wanted},
                                {"restart", setting.restart},
                                {"statement", ApplyStatement(setting)}});
  }
  return json;
}

}  // namespace rollout
