#include "pgbouncer.h"

#include <fmt/core.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <thread>

#include "base/digest.h"
#include "base/file.h"
#include "pg/conninfo.h"

namespace test {

namespace fs = std::filesystem;

namespace {

void Give(const fs::path& path, const std::optional<base::Account>& account) {
  if (account && ::chown(path.c_str(), account->uid, account->gid) != 0) {
    throw std::runtime_error("cannot give " + path.string() + " to " + account->name);
  }
}

}  // namespace

PgBouncer::PgBouncer(const std::string& database_url, const std::string& mode, int pool)
    : directory_(fs::temp_directory_path() / ("sb-pooler-" + base::RandomHex(4))) {
  if (base::RunningAsRoot()) account_ = base::FindAccount("postgres");
  base::MakeDirectories(directory_, 0700);
  Give(directory_, account_);
  auto server = pg::ParseConninfo(database_url);
  std::string database = server["dbname"];
  for (std::size_t at = 0; (at = database.find('\'', at)) != std::string::npos; at += 2) database.insert(at, 1, '\'');
  Write("users.txt", "\"postgres\" \"\"\n");
  Write("pgbouncer.ini",
        fmt::format("[databases]\n"
                    "pooled = host={} port={} user=postgres dbname='{}'\n"
                    "[pgbouncer]\n"
                    "listen_addr =\nlisten_port = 6432\nunix_socket_dir = {}\n"
                    "auth_type = trust\nauth_file = {}/users.txt\n"
                    "pool_mode = {}\ndefault_pool_size = {}\n",
                    server["host"], server["port"], database, directory_.string(), directory_.string(), mode, pool));
  child_.emplace(base::Child::Start(
      {.argv = {"/usr/sbin/pgbouncer", (directory_ / "pgbouncer.ini").string()}, .cwd = "/", .account = account_},
      directory_ / "log"));
  while (base::ReadFile(directory_ / "log").find("process up") == std::string::npos) {
    if (!child_->Running()) throw std::runtime_error("pgbouncer: " + base::ReadFile(directory_ / "log"));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

PgBouncer::~PgBouncer() {
  if (child_) {
    child_->Signal(SIGKILL);
    child_->Wait(std::chrono::seconds(10));
  }
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

std::string PgBouncer::Conninfo(const std::string& more) const {
  return fmt::format("host={} port=6432 user=postgres dbname=pooled {}", directory_.string(), more);
}

void PgBouncer::Write(const std::string& name, const std::string& text) const {
  base::WriteFile(directory_ / name, text);
  Give(directory_ / name, account_);
}

}  // namespace test
