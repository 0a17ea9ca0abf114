#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/process.h"
#include "pg/conninfo.h"
#include "pg/quote.h"
#include "pg/session.h"
#include "postgres_test.h"

namespace pg {
namespace {

using testing::HasSubstr;

struct Harmless {
  const char* why;
  const char* names;
};

// Settings that a session may have otherwise and that change neither what a statement means nor what a value looks
// like.
constexpr std::array kHarmless = {
    Harmless{"this program sets it for each session", "search_path client_encoding application_name"},
    Harmless{"of the transaction, not of the session",
             "transaction_deferrable transaction_isolation transaction_read_only"},
    Harmless{
        "how a plan is made or run, not what it gives",
        "backend_flush_after compute_query_id constraint_exclusion cpu_index_tuple_cost cpu_operator_cost "
        "cpu_tuple_cost cursor_tuple_fraction debug_parallel_query effective_cache_size effective_io_concurrency "
        "enable_async_append enable_bitmapscan enable_distinct_reordering enable_gathermerge "
        "enable_group_by_reordering enable_hashagg enable_hashjoin enable_incremental_sort enable_indexonlyscan "
        "enable_indexscan enable_material enable_memoize enable_mergejoin enable_nestloop enable_parallel_append "
        "enable_parallel_hash enable_partition_pruning enable_partitionwise_aggregate enable_partitionwise_join "
        "enable_presorted_aggregate enable_self_join_elimination enable_seqscan enable_sort enable_tidscan "
        "force_parallel_mode from_collapse_limit geqo geqo_effort geqo_generations geqo_pool_size geqo_seed "
        "geqo_selection_bias geqo_threshold gin_pending_list_limit hash_mem_multiplier io_combine_limit jit_above_cost "
        "jit_expressions jit_inline_above_cost jit_optimize_above_cost jit_tuple_deforming join_collapse_limit "
        "logical_decoding_work_mem maintenance_io_concurrency maintenance_work_mem max_parallel_maintenance_workers "
        "max_parallel_workers max_parallel_workers_per_gather min_parallel_index_scan_size "
        "min_parallel_table_scan_size parallel_leader_participation parallel_setup_cost parallel_tuple_cost "
        "plan_cache_mode random_page_cost recursive_worktable_factor seq_page_cost stats_fetch_consistency "
        "synchronize_seqscans temp_buffers temp_file_limit temp_tablespaces wal_skip_threshold work_mem "
        "ignore_system_indexes max_stack_depth file_copy_method"},
    Harmless{"where and how new objects are stored: what psql would have made of the author's statement",
             "default_table_access_method default_tablespace default_toast_compression default_statistics_target "
             "allow_in_place_tablespaces"},
    Harmless{"the configuration of a full-text search, which only an author's own SQL asks for",
             "default_text_search_config"},
    Harmless{"whether a function's body is looked at when it is created", "check_function_bodies"},
    Harmless{"who gets which rights to a role or a password that a change makes",
             "createrole_self_grant password_encryption scram_iterations md5_password_warnings"},
    Harmless{"warnings", "escape_string_warning icu_validation_level"},
    Harmless{"how long the server waits for the network or a deadlock",
             "client_connection_check_interval deadlock_timeout tcp_keepalives_count tcp_keepalives_idle "
             "tcp_keepalives_interval tcp_user_timeout wal_sender_timeout post_auth_delay"},
    Harmless{
        "how the log of the server is written, and in which language it speaks",
        "backtrace_functions debug_logical_replication_streaming debug_pretty_print debug_print_parse debug_print_plan "
        "debug_print_rewritten jit_debugging_support jit_dump_bitcode jit_profiling_support lc_messages "
        "log_connections log_disconnections log_duration log_error_verbosity log_executor_stats log_lock_failures "
        "log_lock_waits log_min_duration_sample log_min_duration_statement log_min_error_statement log_min_messages "
        "log_parameter_max_length log_parameter_max_length_on_error log_parser_stats log_planner_stats "
        "log_replication_commands log_statement log_statement_sample_rate log_statement_stats log_temp_files "
        "log_transaction_sample_rate trace_notify trace_sort"},
    Harmless{"what is counted and shown",
             "track_activities track_counts track_functions track_io_timing "
             "track_wal_io_timing track_cost_delay_timing update_process_title"},
    Harmless{"how the log of changes is written",
             "commit_delay commit_siblings wal_compression wal_consistency_checking "
             "wal_init_zero wal_recycle"},
    Harmless{"of VACUUM",
             "vacuum_buffer_usage_limit vacuum_cost_delay vacuum_cost_limit vacuum_cost_page_dirty "
             "vacuum_cost_page_hit vacuum_cost_page_miss vacuum_failsafe_age vacuum_freeze_min_age "
             "vacuum_freeze_table_age vacuum_max_eager_freeze_failure_rate vacuum_multixact_failsafe_age "
             "vacuum_multixact_freeze_min_age vacuum_multixact_freeze_table_age vacuum_truncate"},
    Harmless{
        "which libraries and extensions there are: the server's administrator decides",
        "dynamic_library_path extension_control_path extension_destdir local_preload_libraries output_plugin_libraries "
        "session_preload_libraries"},
    Harmless{"who may do what with large objects, and whether event triggers fire: as for the author's own session",
             "lo_compat_privileges event_triggers"},
    Harmless{"for developers of the server", "debug_discard_caches"},
};

std::set<std::string> HarmlessNames() {
  std::set<std::string> names;
  for (const Harmless& group : kHarmless) {
    std::istringstream words(group.names);
    for (std::string name; words >> name;) names.insert(name);
  }
  return names;
}

std::set<std::string> Pinned() {
  std::set<std::string> names;
  for (const Setting& setting : PinnedSettings()) names.emplace(setting.name);
  return names;
}

// A value that the setting does not have when it is pinned.
std::string OtherValue(Connection& connection, const Setting& setting) {
  static const std::map<std::string_view, std::string> kTexts = {{"DateStyle", "SQL, DMY"},
                                                                 {"TimeZone", "Asia/Kathmandu"},
                                                                 {"timezone_abbreviations", "India"},
                                                                 {"lc_monetary", "C.UTF-8"},
                                                                 {"lc_numeric", "C.UTF-8"},
                                                                 {"lc_time", "C.UTF-8"},
                                                                 {"jit", "on"},
                                                                 {"restrict_nonsystem_relation_kind", "foreign-table"}};
  if (const auto text = kTexts.find(setting.name); text != kTexts.end()) return text->second;
  return connection
      .Query(
          "SELECT CASE vartype WHEN 'bool' THEN CASE $2 WHEN 'on' THEN 'off' ELSE 'on' END "
          "WHEN 'enum' THEN (SELECT v FROM unnest(enumvals) AS v WHERE v <> $2 ORDER BY v LIMIT 1) "
          "WHEN 'integer' THEN CASE WHEN $2 = '0' THEN '54321' ELSE min_val END END "
          "FROM pg_settings WHERE lower(name) = lower($1)",
          {std::string(setting.name), std::string(setting.value)})
      .Text(0, 0);
}

class SessionTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    administrator_.emplace(Connect());
    database_ = administrator_->Exec("SELECT current_database()").Text(0, 0);
  }
  bool Knows(std::string_view name) {
    return !administrator_->Query("SELECT current_setting($1, true)", {std::string(name)}).IsNull(0, 0);
  }
  // For all sessions of this test's database.
  void SetEverythingOtherwise() {
    for (const Setting& setting : PinnedSettings()) {
      if (!Knows(setting.name)) continue;
      const std::string other = OtherValue(*administrator_, setting);
      ASSERT_NE(other, "") << setting.name;
      administrator_->Exec(
          fmt::format("ALTER DATABASE {} SET {} = {}", Ident(database_), setting.name, Literal(other)));
    }
  }
  std::optional<Connection> administrator_;
  std::string database_;
};

TEST_F(SessionTest, EverySettingOfTheServerIsPinnedOrKnownAsHarmless) {
  const auto settings = administrator_->Exec(
      "SELECT name FROM pg_settings WHERE context IN ('user', 'superuser', 'backend', 'superuser-backend') "
      "AND name NOT LIKE '%.%'");
  const std::set<std::string> harmless = HarmlessNames();
  const std::set<std::string> pinned = Pinned();
  ASSERT_GT(settings.rows(), 100);
  for (int i = 0; i < settings.rows(); ++i) {
    const std::string name = settings.Text(i, 0);
    EXPECT_NE(harmless.contains(name), pinned.contains(name))
        << name << " is neither pinned nor known as harmless, or both";
  }
}

TEST_F(SessionTest, WhatIsPinnedHoldsWhateverTheDatabaseSets) {
  SetEverythingOtherwise();
  auto connection = Connect();
  for (const Setting& setting : PinnedSettings()) {
    const auto found =
        connection.Query("SELECT setting FROM pg_settings WHERE lower(name) = lower($1)", {std::string(setting.name)});
    if (found.rows() == 0) {
      EXPECT_EQ(setting.pin, Pin::kWhereKnown) << setting.name;
      continue;
    }
    EXPECT_EQ(found.Text(0, 0), setting.value) << setting.name;
  }
  EXPECT_EQ(connection.Exec("SHOW search_path").Text(0, 0), "pg_catalog, pg_temp");
  connection.Exec("CREATE TABLE public.t ()");
}

TEST_F(SessionTest, WhatAnAuthorsStatementWouldHaveFoundOtherwiseIsKnown) {
  SetEverythingOtherwise();
  const auto differ = UnpinnedSettings({.conninfo = url()});
  EXPECT_EQ(differ.at("TimeZone"), "Asia/Kathmandu");
  EXPECT_EQ(differ.at("standard_conforming_strings"), "off");
  EXPECT_FALSE(differ.contains("statement_timeout"));
}

TEST_F(SessionTest, OptionsOfTheConnectionStringStandBesideThePins) {
  const auto conninfo = url() + (url().find('?') == std::string::npos ? "?" : "&") +
                        "options=-c%20work_mem%3D7MB%20-c%20TimeZone%3DAsia/Tokyo";
  auto connection = Connection::Open({.conninfo = conninfo});
  EXPECT_EQ(connection.Exec("SHOW work_mem").Text(0, 0), "7MB");
  EXPECT_EQ(connection.Exec("SHOW TimeZone").Text(0, 0), "UTC");
}

// Physical replication knows SHOW and no SET.
TEST_F(SessionTest, AChildInPhysicalReplicationHasThem) {
  const ChildConnection child = ForChild(url());
  const std::string physical = child.conninfo + " replication='true'";
  const auto seen =
      base::RunOrThrow({.argv = {"psql", "-XAtd", physical, "-c", "SHOW idle_in_transaction_session_timeout"}});
  EXPECT_EQ(seen.out, "1min\n");
}

TEST_F(SessionTest, WhatTheRoleMayNotSetIsRefusedWithItsPlace) {
  const std::string role = "of " + database_;
  administrator_->Exec(
      fmt::format("CREATE ROLE {0} LOGIN; ALTER ROLE {0} IN DATABASE {1} SET session_replication_role = "
                  "'replica'",
                  Ident(role), Ident(database_)));
  auto parameters = ParseConninfo(url());
  parameters["user"] = role;
  auto as_role = [&] { return Connection::Open({.conninfo = FormatConninfo(parameters)}); };
  try {
    as_role();
    ADD_FAILURE() << "a session that fires no triggers was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kForeignSetting) << error.Text();
    EXPECT_THAT(error.detail(), HasSubstr("ALTER ROLE " + Ident(role) + " IN DATABASE " + Ident(database_) +
                                          " RESET session_replication_role"));
  }
  administrator_->Exec(fmt::format("ALTER ROLE {} SUPERUSER", Ident(role)));
  EXPECT_EQ(as_role().Exec("SHOW session_replication_role").Text(0, 0), "origin");
  administrator_->Exec(fmt::format("DROP ROLE {}", Ident(role)));
}

}  // namespace
}  // namespace pg
