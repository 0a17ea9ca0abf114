#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "sandbox/workspace.h"

namespace sandbox {

// The PostgreSQL programs of one major version on this machine.
struct Binaries {
  std::filesystem::path directory;  // holds initdb, postgres, pg_ctl, pg_basebackup, pg_verifybackup, pg_waldump ...
  int major = 0;
  [[nodiscard]] std::string Program(const std::string& name) const { return (directory / name).string(); }
};

// Looks in the folders that SWITCHBACK_PG_BINDIR lists (separated by ':'), where the first that fits is taken; else in
// `pg_config --bindir` and /usr/lib/postgresql/*/bin for the asked-for major version, or for the newest.
// Throws kNoBinaries with the package to install.
Binaries FindBinaries(std::optional<int> major = {});

// The account that server programs run as: none when this process is not root; otherwise `owner_of`'s owner where that
// path exists and is not root's, else `postgres`, else `nobody`.
std::optional<base::Account> ServerAccount(const std::filesystem::path& owner_of = {});

struct ServerOptions {
  Binaries binaries;
  std::filesystem::path data;              // data directory; for Initialize it must not exist
  std::filesystem::path socket_directory;  // empty: the directory that holds `data`
  std::optional<int> port;                 // none: a free one, kept over restarts
  std::optional<base::Account> account;    // see ServerAccount
  // Of its own connections, and what Url() names; Initialize makes this superuser. Of a restored backup they must
  // exist.
  std::string role = "postgres";
  std::string database = "postgres";
  // Into switchback.conf, included last by postgresql.conf, rewritten at each Start. They win: what ALTER SYSTEM set
  // for the same names (a backup brings the old server's along) is taken out of postgresql.auto.conf.
  std::map<std::string, std::string> settings;
  std::vector<std::string> pass = {};  // see base::Command: what its commands need, which is as a rule nothing
};

// A PostgreSQL server of ours: `postgres` itself as a child (not pg_ctl, which holds pipes open), trust authentication
// in its own socket directory, which only its account may enter, and nowhere else: anyone on the loopback could become
// its superuser, and so its account. Its environment has no secrets. It uses its own data directory, port and files
// whatever the configuration that came with a backup says. A crash of this process leaves it running; the Workspace
// around it is what the next SweepStale() finds it by.
class Server {
 public:
  // initdb (UTF8, C.UTF-8 or C locale, --no-sync), not started.
  static Server Initialize(const ServerOptions& options);
  // A data directory that exists already (a restored backup), not started. It archives only where `settings` has
  // archive_mode: a copy must not write into the archive of the server that it was made of.
  static Server Adopt(const ServerOptions& options);
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  // Stops it (immediate), unless Detach was called.
  ~Server();

  // Starts and waits until it accepts connections. Throws kServerStart with the end of its log. `wait_for_promotion`:
  // also waits until it left recovery, or died; throws kAuthentication or kUnknownDatabase where it lets nobody in by
  // that role and database.
  void Start(std::chrono::milliseconds deadline = std::chrono::seconds(60), bool wait_for_promotion = false);
  enum class StopMode { kSmart, kFast, kImmediate };
  void Stop(StopMode mode = StopMode::kFast);
  void Detach();  // leave it running
  [[nodiscard]] bool Running();
  [[nodiscard]] int port() const;
  [[nodiscard]] int pid() const;
  [[nodiscard]] const std::filesystem::path& data() const;
  [[nodiscard]] std::string LogText() const;  // server's stderr, of DATA.log beside the data directory
  // "postgresql://ROLE@localhost:PORT/DATABASE?host=SOCKETDIR", percent-encoded.
  [[nodiscard]] std::string Url() const;
  [[nodiscard]] std::string Url(const std::string& database) const;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sandbox
