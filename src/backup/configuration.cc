#include "backup/configuration.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "base/error.h"
#include "base/file.h"

namespace backup {
namespace {

namespace fs = std::filesystem;

// Memory, cost, limits and what values mean. No commands, libraries, files, addresses, or names of others.
constexpr std::array<std::string_view, 87> kAllowed = {
    "array_nulls",
    "autovacuum",
    "autovacuum_freeze_max_age",
    "autovacuum_max_workers",
    "autovacuum_multixact_freeze_max_age",
    "autovacuum_work_mem",
    "backslash_quote",
    "bytea_output",
    "check_function_bodies",
    "checkpoint_completion_target",
    "checkpoint_timeout",
    "client_min_messages",
    "commit_delay",
    "cpu_index_tuple_cost",
    "cpu_operator_cost",
    "cpu_tuple_cost",
    "datestyle",
    "deadlock_timeout",
    "default_statistics_target",
    "default_table_access_method",
    "default_text_search_config",
    "default_toast_compression",
    "default_transaction_isolation",
    "effective_cache_size",
    "effective_io_concurrency",
    "escape_string_warning",
    "extra_float_digits",
    "fsync",
    "full_page_writes",
    "gin_fuzzy_search_limit",
    "hash_mem_multiplier",
    "huge_pages",
    "icu_validation_level",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "jit",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lo_compat_privileges",
    "lock_timeout",
    "log_timezone",
    "logical_decoding_work_mem",
    "maintenance_io_concurrency",
    "maintenance_work_mem",
    "max_connections",
    "max_files_per_process",
    "max_locks_per_transaction",
    "max_parallel_maintenance_workers",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "max_pred_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_slot_wal_keep_size",
    "max_stack_depth",
    "max_wal_senders",
    "max_wal_size",
    "max_worker_processes",
    "min_wal_size",
    "password_encryption",
    "quote_all_identifiers",
    "random_page_cost",
    "row_security",
    "search_path",
    "seq_page_cost",
    "shared_buffers",
    "standard_conforming_strings",
    "statement_timeout",
    "superuser_reserved_connections",
    "synchronize_seqscans",
    "synchronous_commit",
    "temp_buffers",
    "temp_file_limit",
    "timezone",
    "timezone_abbreviations",
    "track_activity_query_size",
    "track_commit_timestamp",
    "transform_null_equals",
    "vacuum_failsafe_age",
    "vacuum_freeze_min_age",
    "wal_buffers",
    "wal_compression",
    "wal_keep_size",
    "wal_level",
    "work_mem",
};

constexpr std::array<std::string_view, 6> kLibraries = {"auto_explain", "pg_hint_plan",       "pg_prewarm",
                                                        "pgaudit",      "pg_stat_statements", "plpgsql_check"};

struct SettingLine {
  std::string name;  // lowercase; empty: it sets nothing
  std::string value;
};

SettingLine Parsed(std::string_view line) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  const auto trim = [&] {
    while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
  };
  SettingLine parsed;
  trim();
  while (!line.empty() &&
         (std::isalnum(static_cast<unsigned char>(line.front())) != 0 || line.front() == '_' || line.front() == '.')) {
    parsed.name += static_cast<char>(std::tolower(static_cast<unsigned char>(line.front())));
    line.remove_prefix(1);
  }
  trim();
  if (!line.empty() && line.front() == '=') line.remove_prefix(1);
  trim();
  if (!line.empty() && line.front() == '\'') {
    parsed.value = line.substr(1, line.find('\'', 1) - 1);
  } else {
    parsed.value = line.substr(0, line.find_first_of("# \t\r"));
  }
  return parsed;
}

// The list of libraries without those that may call out.
std::string KnownLibraries(const std::string& list) {
  std::string known;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    std::string name = list.substr(at, end - at);
    std::erase_if(name, [](char c) { return c == ' ' || c == '"'; });
    if (std::ranges::find(kLibraries, name) != kLibraries.end()) known += (known.empty() ? "" : ",") + name;
    at = end + 1;
  }
  return known;
}

}  // namespace

Configuration AllowListed(const std::string& text) {
  Configuration configuration;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const SettingLine parsed = Parsed(line);
    if (std::ranges::find(kAllowed, parsed.name) != kAllowed.end()) {
      configuration.kept += line + "\n";
    } else if (!parsed.name.empty()) {
      const std::string known =
          parsed.name == "shared_preload_libraries" ? KnownLibraries(parsed.value) : std::string();
      if (!known.empty()) configuration.kept += fmt::format("shared_preload_libraries = '{}'\n", known);
      if (known != parsed.value || known.empty()) configuration.left_out += line + "\n";
    }
  }
  return configuration;
}

void RefuseLinks(const fs::path& data) {
  for (auto entry = fs::recursive_directory_iterator(data); entry != fs::recursive_directory_iterator(); ++entry) {
    if (!entry->is_symlink() || entry->path().parent_path() == data / "pg_tblspc") continue;
    throw base::Error(base::Code::kRestoreFailed,
                      "the backup has a symbolic link, and what it leads to is no part of it")
        .Detail(fs::relative(entry->path(), data).string())
        .Hint("Find out who put it there; a backup of PostgreSQL has none but those of tablespaces.");
  }
}

void ReduceConfiguration(const fs::path& data, const fs::path& left_out) {
  std::string rest;
  for (const char* name : {"postgresql.conf", "postgresql.auto.conf"}) {
    const std::optional<std::string> text = base::ReadFileIfExists(data / name);
    if (!text) continue;
    const Configuration configuration = AllowListed(*text);
    base::WriteFile(data / name, configuration.kept, 0600);
    if (!configuration.left_out.empty()) rest += fmt::format("# {}\n{}", name, configuration.left_out);
  }
  if (!rest.empty()) base::WriteFile(left_out, rest, 0600);
}

}  // namespace backup
