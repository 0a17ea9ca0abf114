#include "drill/stage.h"

#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "drill/sql_text.h"

namespace drill {
Stage::Stage(bool keep)
    : workspace_((sandbox::Workspace::SweepStale(), "drill")),
      binaries_(sandbox::FindBinaries()),
      account_(sandbox::ServerAccount()) {
  if (keep) workspace_.Keep();
  LoadShop();
}

std::filesystem::path Stage::Directory(const std::string& name) {
  const std::filesystem::path directory = workspace_.path() / name;
  base::MakeDirectories(directory, 0755);
  return directory;
}

std::filesystem::path Stage::ServerDirectory(const std::string& name) {
  const std::filesystem::path directory = workspace_.path() / name;
  base::RunOrThrow({.argv = {"mkdir", "-p", directory.string()}, .cwd = "/", .account = account_});
  return directory;
}

sandbox::ServerOptions Stage::OptionsFor(const std::filesystem::path& data,
                                         const std::map<std::string, std::string>& settings) const {
  return {.binaries = binaries_,
          .data = data,
          .socket_directory = {},
          .port = {},
          .account = account_,
          .settings = settings};
}

void Stage::LoadShop() {
  Say("loading the shop: 200,000 customers, 120,000 orders (PostgreSQL {})", binaries_.major);
  loaded_ = ServerDirectory("servers") / "loaded";
  auto server = sandbox::Server::Initialize(OptionsFor(loaded_, {{"fsync", "off"}}));
  server.Start();
  Inspect(server.Url()).Exec(fmt::format("CREATE DATABASE {}", kShopDatabase));
  pg::Connection connection = Inspect(server.Url(kShopDatabase));
  connection.Exec(std::string(sql_text::kShopSchema));
  connection.Exec("VACUUM (ANALYZE)");
  server.Stop();
}

sandbox::Server Stage::NewServer(const std::string& act, const std::map<std::string, std::string>& settings) {
  base::StopIfInterrupted();
  const std::filesystem::path data = loaded_.parent_path() / act;
  base::RunOrThrow(
      {.argv = {"cp", "-a", "--reflink=auto", loaded_.string(), data.string()}, .cwd = "/", .account = account_});
  auto server = sandbox::Server::Adopt(OptionsFor(data, settings));
  server.Start();
  return server;
}

void Stage::Dwell(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    base::StopIfInterrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

std::chrono::milliseconds Stage::Elapsed() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin_);
}

void Stage::SayText(const std::string& text) const {
  base::Info("{:5.1f} s  {}", static_cast<double>(Elapsed().count()) / 1000.0, text);
}

pg::Connection Inspect(const std::string& url) {
  return pg::Connection::Open({.conninfo = url, .application_name = "drill"});
}

std::string ShopAddressOf(const std::string& url) {
  const pg::Result where =
      Inspect(url).Exec("SELECT current_setting('unix_socket_directories'), current_setting('port')");
  return fmt::format("host={} port={} user=shop dbname={}", where.Text(0, 0), where.Text(0, 1), kShopDatabase);
}

}  // namespace drill
