#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "backup/barman/barman.h"
#include "backup/pgbackrest/pgbackrest.h"
#include "base/file.h"
#include "base/process.h"
#include "pg/connection.h"
#include "sandbox/server.h"

// Backup tools of others, set up for a test's own server. Only rooms that may use `backup` include this.
namespace test {

// Root may write anywhere; the tool must be able to read it.
inline void WriteForServer(const std::filesystem::path& path, const std::string& text) {
  base::WriteFile(path, text);
  const auto account = sandbox::ServerAccount();
  if (!account) return;
  ASSERT_EQ(lchown(path.c_str(), account->uid, account->gid), 0);
}

// One tool, set up in a folder, and what a person or the tool itself may do to its repository.
class Rig {
 public:
  explicit Rig(std::filesystem::path folder) : folder_(std::move(folder)) {}
  virtual ~Rig() = default;
  // The newest server that Debian 12's release of the tool can be used with.
  [[nodiscard]] virtual int NewestServer() const = 0;
  [[nodiscard]] virtual std::string ArchiveCommand() const = 0;
  // Writes the tool's configuration for this server.
  virtual void SetUp(sandbox::Server& server) = 0;
  // Of the server that the tool knows by this name.
  [[nodiscard]] virtual std::unique_ptr<backup::BackupProvider> Of(const std::string& name) const = 0;
  // A clone that archives would bring the file of its timeline there.
  virtual void Archive(const std::filesystem::path& file) = 0;
  [[nodiscard]] virtual std::filesystem::path FileOf(const std::string& segment) const = 0;
  // Keeps a segment as another configuration would have.
  virtual void Compress(const std::filesystem::path& /*segment*/) {}
  virtual void Spoil(const backup::Backup& backup) = 0;
  // The next night's backup, with a retention that keeps one.
  virtual void NextNight() = 0;
  // Whether the tool can keep a backup from that; then what a person does to end it, and the tool to follow.
  [[nodiscard]] virtual bool Keeps() const { return false; }
  virtual void EndKeep(const backup::Backup& /*backup*/) {}

 protected:
  base::Finished Run(const std::vector<std::string>& argv) const {
    base::Finished finished = base::Run({.argv = argv, .account = sandbox::ServerAccount()});
    EXPECT_EQ(finished.exit, 0) << argv.at(1) << "\n" << finished.out << finished.err;
    return finished;
  }
  // The one file below `folder` whose name begins so.
  static std::filesystem::path Find(const std::filesystem::path& folder, const std::string& beginning) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file() && entry.path().filename().string().starts_with(beginning)) return entry.path();
    }
    ADD_FAILURE() << "no " << beginning << " in " << folder;
    return {};
  }
  static void Poke(const std::filesystem::path& file) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(100);
    stream << "spoilt";
  }

  std::filesystem::path folder_;
};

class PgBackRestRig : public Rig {
 public:
  using Rig::Rig;
  [[nodiscard]] int NewestServer() const override { return 15; }  // it refuses newer ones
  [[nodiscard]] std::string ArchiveCommand() const override {
    return fmt::format("pgbackrest --stanza=shop --config={}/pgbackrest.conf archive-push %p", folder_.string());
  }
  void SetUp(sandbox::Server& server) override {
    WriteForServer(
        folder_ / "pgbackrest.conf",
        fmt::format(
            "[global]\nrepo1-path={0}/repository\nlock-path={0}/lock\nspool-path={0}/spool\nlog-level-file=off\n"
            "repo1-retention-full=1\nrepo1-bundle=y\ncompress-type=none\n"
            "[shop]\npg1-path={1}\npg1-port={2}\npg1-socket-path={3}\npg1-user=the boss\n",
            folder_.string(), server.data().string(), server.port(), server.data().parent_path().string()));
    auto connection = pg::Connection::Open({.conninfo = server.Url()});
    Of("shop")->PrepareArchive(connection);
  }
  [[nodiscard]] std::unique_ptr<backup::BackupProvider> Of(const std::string& name) const override {
    return std::make_unique<backup::pgbackrest::PgBackRestProvider>(
        backup::pgbackrest::Options{.stanza = name, .config = (folder_ / "pgbackrest.conf").string()});
  }
  void Archive(const std::filesystem::path& file) override { Tool({"archive-push", file.string()}); }
  [[nodiscard]] std::filesystem::path FileOf(const std::string& segment) const override {
    return Find(folder_ / "repository", segment);
  }
  void Spoil(const backup::Backup& backup) override {
    Poke(Find(folder_ / "repository/backup/shop" / backup.id / "bundle", "1"));
  }
  void NextNight() override { Tool({"--type=full", "--start-fast", "backup"}); }

 private:
  void Tool(const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {"pgbackrest", "--stanza=shop",
                                     fmt::format("--config={}/pgbackrest.conf", folder_.string())};
    argv.insert(argv.end(), words.begin(), words.end());
    Run(argv);
  }
};

class BarmanRig : public Rig {
 public:
  using Rig::Rig;
  // Of a newer one's backup it awaits one segment more than the backup needs.
  [[nodiscard]] int NewestServer() const override { return 16; }
  [[nodiscard]] std::string ArchiveCommand() const override {
    return fmt::format("rsync -a %p {}/%f", (Home() / "incoming").string());
  }
  void SetUp(sandbox::Server& server) override {
    auto connection = pg::Connection::Open({.conninfo = server.Url()});
    connection.Exec("CREATE ROLE barman SUPERUSER REPLICATION LOGIN");  // it cannot read a name with a blank
    const auto account = sandbox::ServerAccount();
    const std::string address =
        fmt::format("host={} port={} user=barman dbname=postgres", server.data().parent_path().string(), server.port());
    WriteForServer(folder_ / "barman.conf",
                   fmt::format("[barman]\nbarman_user = {0}\nbarman_home = {1}\nlog_file = {1}/log\n"
                               "path_prefix = {2}\n"
                               "[shop]\ndescription = shop\nconninfo = {3}\nstreaming_conninfo = {3}\n"
                               "backup_method = postgres\narchiver = on\nretention_policy = REDUNDANCY 1\n",
                               account ? account->name : CallerName(), (folder_ / "barman").string(),
                               sandbox::FindBinaries().directory.string(), address));
    Of("shop")->PrepareArchive(connection);
  }
  [[nodiscard]] std::unique_ptr<backup::BackupProvider> Of(const std::string& name) const override {
    return std::make_unique<backup::barman::BarmanProvider>(
        backup::barman::Options{.server = name, .config = (folder_ / "barman.conf").string()});
  }
  void Archive(const std::filesystem::path& file) override {
    WriteForServer(Home() / "incoming" / file.filename(), base::ReadFile(file));
    Tool({"archive-wal", "shop"});
  }
  [[nodiscard]] std::filesystem::path FileOf(const std::string& segment) const override {
    return Find(Home() / "wals", segment);
  }
  void Compress(const std::filesystem::path& segment) override {
    Run({"gzip", segment.string()});
    std::filesystem::rename(segment.string() + ".gz", segment);
  }
  void Spoil(const backup::Backup& backup) override { Poke(Find(Home() / "base" / backup.id, "pg_filenode.map")); }
  void NextNight() override {
    Tool({"backup", "--immediate-checkpoint", "--wait", "shop"});
    Tool({"cron", "--keep-descriptors"});
  }
  [[nodiscard]] bool Keeps() const override { return true; }
  void EndKeep(const backup::Backup& backup) override {
    Tool({"keep", "--release", "shop", backup.id});
    Tool({"cron", "--keep-descriptors"});
  }

 private:
  [[nodiscard]] std::filesystem::path Home() const { return folder_ / "barman/shop"; }
  static std::string CallerName() { return getpwuid(geteuid())->pw_name; }
  void Tool(const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {"barman", "--config", (folder_ / "barman.conf").string()};
    argv.insert(argv.end(), words.begin(), words.end());
    Run(argv);
  }
};

}  // namespace test
