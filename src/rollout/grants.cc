#include "rollout/grants.h"

#include <fmt/core.h>

#include "pg/quote.h"
#include "rollout/sql_text.h"

namespace rollout {
namespace {

// Since 16 the member's own INHERIT attribute is only a default.
constexpr int kInheritByGrant = 160000;
// Since 15 a single setting can be granted.
constexpr int kGrantsOnSettings = 150000;
constexpr int kDecodesOnStandbys = 160000;

// A name of the database in a comment: a line break would end it, and what follows would be a statement.
std::string InComment(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

Ability Steps(pg::Connection& connection, const std::string& database, const std::string& role) {
  const std::string to = pg::Ident(role);
  Ability ability{.name = "run the steps of a release, and take them back",
                  .without = "nothing",
                  .statements = {fmt::format("GRANT CONNECT, CREATE ON DATABASE {} TO {};", pg::Ident(database), to)}};
  const char* inherits = connection.ServerVersion() >= kInheritByGrant ? " WITH INHERIT TRUE" : "";
  const pg::Result rows = connection.Query(std::string(sql_text::kReadGrants), {role});
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string name = rows.Text(row, 1);
    if (rows.Text(row, 0) == "schema") {
      ability.statements.push_back(fmt::format("GRANT USAGE, CREATE ON SCHEMA {} TO {};", pg::Ident(name), to));
    } else if (!rows.Bool(row, 2)) {
      ability.statements.push_back(fmt::format("GRANT {} TO {}{};", pg::Ident(name), to, inherits));
    } else {
      ability.notes.push_back(fmt::format(
          "some tables, functions or types belong to the superuser {}; who is its member is a superuser too, so give "
          "what a release changes to a role of its own: ALTER TABLE ... OWNER TO ...",
          pg::Ident(name)));
    }
  }
  return ability;
}

Ability Deadlocks(pg::Connection& connection, const std::string& role) {
  Ability ability{.name = "be the one that a deadlock ends",
                  .without =
                      "a step finds a deadlock no sooner than the applications do; while it holds a lock it waits for "
                      "another at most half as long",
                  .required = false,
                  .statements = {}};
  if (connection.ServerVersion() >= kGrantsOnSettings) {
    ability.statements.push_back(fmt::format("GRANT SET ON PARAMETER deadlock_timeout TO {};", pg::Ident(role)));
  } else {
    ability.notes.emplace_back("before PostgreSQL 15 only a superuser may set deadlock_timeout");
  }
  return ability;
}

Ability Slots(pg::Connection& connection, const std::string& role) {
  Ability ability{.name = "take base backups, and open a slot",
                  .without =
                      "a checkpoint needs a base backup that another role took within backup_max_age, and has "
                      "no stream: a restore cannot say what it loses",
                  .required = false,
                  .statements = {fmt::format("ALTER ROLE {} REPLICATION;", pg::Ident(role))}};
  if (connection.ServerVersion() >= kGrantsOnSettings) {
    ability.statements.push_back(
        fmt::format("GRANT ALTER SYSTEM ON PARAMETER max_slot_wal_keep_size TO {};", pg::Ident(role)));
    ability.statements.push_back(
        fmt::format("GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO {};", pg::Ident(role)));
  }
  if (connection.ServerVersion() >= kDecodesOnStandbys) {
    ability.statements.push_back(
        fmt::format("GRANT EXECUTE ON FUNCTION pg_catalog.pg_log_standby_snapshot() TO {};", pg::Ident(role)));
  }
  return ability;
}

}  // namespace

std::vector<Ability> ReadGrants(pg::Connection& connection, const std::string& role) {
  const std::string to = pg::Ident(role);
  const std::string database = connection.Exec("SELECT current_database()").Text(0, 0);
  return {
      Steps(connection, database, role),
      {.name = "mark a restore point by name, and finish its WAL segment",
       .without = "the point is known by its position alone, and the segment is filled up with messages",
       .required = false,
       .statements = {fmt::format(
           "GRANT EXECUTE ON FUNCTION pg_catalog.pg_create_restore_point(text), pg_catalog.pg_switch_wal() TO {};",
           to)}},
      {.name = "see what other sessions do",
       .without = "who blocks a step is named by its process alone, and a vacuum against wraparound is not recognised",
       .required = false,
       .statements = {fmt::format("GRANT pg_read_all_stats TO {};", to)}},
      {.name = "end who blocks a step, with --terminate-blockers-after",
       .without = "a step waits, and gives up",
       .required = false,
       .statements = {fmt::format("GRANT pg_signal_backend TO {};", to)}},
      Deadlocks(connection, role),
      Slots(connection, role)};
}

std::string GrantScript(const std::string& database, const std::string& role, const std::vector<Ability>& abilities) {
  std::string script = fmt::format(
      "-- The least rights of the role {} in the database {}, for psql as a superuser.\n-- A role that does not exist "
      "yet: CREATE ROLE {} LOGIN;",
      InComment(pg::Ident(role)), InComment(pg::Ident(database)), InComment(pg::Ident(role)));
  for (const Ability& ability : abilities) {
    script += fmt::format("\n\n-- to {}{}", ability.name, ability.required ? "" : " (without it: ");
    if (!ability.required) script += ability.without + ")";
    for (const std::string& statement : ability.statements) script += "\n" + statement;
    for (const std::string& note : ability.notes) script += "\n-- " + InComment(note);
  }
  return script;
}

base::Json ToJson(const std::vector<Ability>& abilities) {
  base::Json json = base::Json::array();
  for (const Ability& ability : abilities) {
    json.push_back({{"ability", ability.name},
                    {"without", ability.without},
                    {"required", ability.required},
                    {"statements", ability.statements},
                    {"notes", ability.notes}});
  }
  return json;
}

}  // namespace rollout
