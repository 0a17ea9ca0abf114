#include "backup/configuration.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

namespace backup {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(Configuration, KeepsWhatIsOnTheListAndNoCommandLibraryFileOrAddress) {
  const std::string harmless =
      "  Work_Mem '4MB'\nmax_connections=33 # many\nTimeZone = 'Europe/Vienna'\n"
      "shared_preload_libraries = 'pg_stat_statements'\n";
  EXPECT_EQ(AllowListed("# a remark\n\n" + harmless).kept, harmless);
  EXPECT_EQ(AllowListed("# a remark\n\n" + harmless).left_out, "");
  for (const char* line : {"include 'more.conf'",
                           "include_dir 'conf.d'",
                           "include_if_exists='x'",
                           "archive_command = 'curl evil'",
                           "archive_library = 'evil'",
                           "restore_command='x'",
                           "recovery_end_command='x'",
                           "archive_cleanup_command='x'",
                           "recovery_target_name = 'x'",
                           "primary_conninfo = 'host=evil'",
                           "session_preload_libraries = 'evil'",
                           "local_preload_libraries = 'evil'",
                           "jit_provider = 'evil'",
                           "dynamic_library_path = '/tmp'",
                           "ssl_passphrase_command = 'x'",
                           "hba_file='/x'",
                           "log_directory='/x'",
                           "log_destination = 'syslog'",
                           "syslog_ident = 'x'",
                           "external_pid_file='/x'",
                           "stats_temp_directory = '/x'",
                           "listen_addresses = '*'",
                           "unix_socket_directories = '/tmp'",
                           "krb_server_keyfile = '/x'",
                           "cron.database_name = 'x'",
                           "event_triggers = off",
                           "temp_tablespaces = 'x'",
                           "default_tablespace = 'x'",
                           "data_sync_retry = on",
                           "ignore_checksum_failure = on",
                           "zero_damaged_pages = on",
                           "max_logical_replication_workers = 4",
                           "synchronous_standby_names = '*'",
                           "no_such_setting = 1",
                           "shared_preload_libraries = 'pg_cron'"}) {
    const Configuration configuration = AllowListed(line);
    EXPECT_EQ(configuration.kept, "") << line;
    EXPECT_EQ(configuration.left_out, line + std::string("\n"));
  }
  const Configuration some = AllowListed("shared_preload_libraries = 'pg_cron, pg_stat_statements,citus,\"pgaudit\"'");
  EXPECT_EQ(some.kept, "shared_preload_libraries = 'pg_stat_statements,pgaudit'\n");
  EXPECT_THAT(some.left_out, HasSubstr("pg_cron"));
}

TEST(Configuration, LinksInABackupAreRefused) {
  const fs::path data = fs::temp_directory_path() / ("sb-links-" + base::RandomHex(6));
  fs::create_directories(data / "pg_tblspc");
  fs::create_directories(data / "base" / "1");
  fs::create_symlink("/var", data / "pg_tblspc" / "16400");
  EXPECT_NO_THROW(RefuseLinks(data));
  for (const char* name : {"postgresql.conf", "base/1/2", "pg_wal", "pg_tblspc/x"}) {
    fs::create_symlink("/etc/passwd", data / name);
    if (std::string(name).starts_with("pg_tblspc")) {
      EXPECT_NO_THROW(RefuseLinks(data));
    } else {
      EXPECT_THROW(RefuseLinks(data), base::Error) << name;
    }
    fs::remove(data / name);
  }
  fs::remove_all(data);
}

}  // namespace
}  // namespace backup
