#include "sandbox/server.h"

#include <fmt/core.h>
#include <locale.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "pg/connection.h"
#include "sandbox/configuration.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::Code;
using std::chrono::milliseconds;

bool HaveUtf8Locale() {
  locale_t found = ::newlocale(LC_ALL_MASK, "C.UTF-8", nullptr);
  if (found != nullptr) ::freelocale(found);
  return found != nullptr;
}

// It only names the socket, so that servers may share a directory: nothing listens there.
int SomePort() {
  constexpr int kLeast = 10'000;
  constexpr unsigned kHowMany = 50'000;
  return kLeast + static_cast<int>(std::random_device()() % kHowMany);
}

std::string Encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '/';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

}  // namespace

struct Server::State {
  explicit State(ServerOptions given) : options(std::move(given)) {
    options.data = fs::absolute(options.data).lexically_normal();
    if (options.socket_directory.empty()) options.socket_directory = options.data.parent_path();
    options.socket_directory = fs::absolute(options.socket_directory).lexically_normal();
    port = options.port.value_or(0);
  }

  [[nodiscard]] std::string Url(const std::string& database) const {
    return fmt::format("postgresql://{}@localhost:{}/{}?host={}", Encoded(options.role), port, Encoded(database),
                       Encoded(options.socket_directory.string()));
  }

  [[nodiscard]] fs::path Log() const { return options.data.string() + ".log"; }

  // The directory is the account's, who may put links into it.
  [[nodiscard]] std::string LogText() const {
    const base::ActingAs account(options.account);
    return base::ReadFileIfExists(Log()).value_or("");
  }

  // The status that a server writes as the eighth line of postmaster.pid: starting, stopping, ready, standby; "" where
  // the file is not that process's.
  [[nodiscard]] std::string Status() const {
    const base::ActingAs account(options.account);
    const auto text = base::ReadFileIfExists(options.data / "postmaster.pid");
    if (!text) return "";
    std::istringstream in(*text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
    return lines.size() >= 8 && lines[0] == std::to_string(child->pid()) ? lines[7] : "";
  }

  // A server in hot standby calls itself ready, too; only it can tell whether recovery is over.
  [[nodiscard]] bool LeftRecovery() const {
    if (fs::exists(options.data / "recovery.signal") || fs::exists(options.data / "standby.signal")) return false;
    try {
      auto connection =
          pg::Connection::Open({.conninfo = Url(options.database), .connect_timeout = std::chrono::seconds(5)});
      return !connection.Exec("SELECT pg_is_in_recovery()").Bool(0, 0);
    } catch (const base::Error& error) {
      if (error.code() == Code::kAuthentication || error.code() == Code::kUnknownDatabase) throw;
      base::Debug("not out of recovery yet: {}", error.message());
      return false;
    }
  }

  [[nodiscard]] std::string EndOfLog(std::size_t from) const {
    constexpr std::size_t kMost = 3000;
    std::string text = LogText();
    text.erase(0, std::min(from, text.size()));
    if (text.size() > kMost) text = "..." + text.substr(text.size() - kMost);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

  // What belongs to this server alone, whatever the data directory's own configuration says.
  [[nodiscard]] std::map<std::string, std::string> Settings() const {
    std::map<std::string, std::string> settings = {
        {"data_directory", options.data.string()},
        {"hba_file", (options.data / "switchback_hba.conf").string()},
        {"ident_file", (options.data / "switchback_ident.conf").string()},
        {"external_pid_file", ""},
        {"unix_socket_directories", options.socket_directory.string()},
        {"unix_socket_permissions", "0700"},
        {"listen_addresses", ""},
        {"port", std::to_string(port)},
        {"ssl", "off"},
        {"logging_collector", "off"},
        {"log_destination", "stderr"},
        {"lc_messages", "C"},
    };
    for (const auto& [name, value] : options.settings) settings[name] = value;
    return settings;
  }

  // False: another process took the port.
  bool TryStart(milliseconds deadline, bool wait_for_promotion) {
    WriteConfiguration(options.data, Settings(), options.account);
    const std::size_t log_start = LogText().size();
    // The server reads PGPORT too, and stops at an empty one.
    child = base::Child::Start({.argv = {options.binaries.Program("postgres"), "-D", options.data.string()},
                                .env = {{"PGPORT", std::to_string(port)}},
                                .pass = options.pass,
                                .cwd = "/",
                                .account = options.account},
                               Log());
    const auto until = std::chrono::steady_clock::now() + deadline;
    while (child->Running()) {
      const std::string status = Status();
      const bool up = status == "ready" || status == "standby";
      if (up && (!wait_for_promotion || LeftRecovery())) return true;
      if (std::chrono::steady_clock::now() > until) {
        Stop(StopMode::kImmediate);
        throw base::Error(Code::kServerStart,
                          fmt::format("the server did not come up within {} s",
                                      std::chrono::duration_cast<std::chrono::seconds>(deadline).count()))
            .Detail(EndOfLog(log_start));
      }
      std::this_thread::sleep_for(milliseconds(10));
    }
    child.reset();
    const std::string said = EndOfLog(log_start);
    // The port is a part of the socket's name.
    if (said.find(".lock\" already exists") != std::string::npos) return false;
    throw base::Error(Code::kServerStart, "the server ended while it started").Detail(said);
  }

  void Stop(StopMode mode) {
    if (!child) return;
    const int asked = mode == StopMode::kSmart ? SIGTERM : mode == StopMode::kFast ? SIGINT : SIGQUIT;
    for (const int signal : {asked, SIGQUIT, SIGKILL}) {
      child->Signal(signal);
      if (child->Wait(signal == SIGQUIT ? std::chrono::seconds(10) : std::chrono::seconds(60))) break;
      base::Warn("the server in {} does not stop", options.data.string());
    }
    child.reset();
  }

  ServerOptions options;
  int port = 0;
  std::optional<base::Child> child;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::Server(Server&&) noexcept = default;

Server& Server::operator=(Server&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Server::~Server() {
  if (!state_) return;
  try {
    state_->Stop(StopMode::kImmediate);
  } catch (const std::exception& error) {
    base::Warn("cannot stop the server in {}: {}", state_->options.data.string(), error.what());
  }
}

Server Server::Initialize(const ServerOptions& options) {
  auto state = std::make_unique<State>(options);
  const auto& data = state->options.data;
  if (fs::exists(data)) throw base::Error(Code::kFileWrite, data.string() + " exists already");
  base::RunOrThrow({.argv = {options.binaries.Program("initdb"), "--pgdata", data.string(), "--username", options.role,
                             "--auth", "trust", "--encoding", "UTF8", "--locale", HaveUtf8Locale() ? "C.UTF-8" : "C",
                             "--no-sync", "--no-instructions"},
                    .cwd = "/",
                    .account = options.account});
  return Server(std::move(state));
}

Server Server::Adopt(const ServerOptions& options) {
  auto state = std::make_unique<State>(options);
  state->options.settings.try_emplace("archive_mode", "off");
  return Server(std::move(state));
}

void Server::Start(milliseconds deadline, bool wait_for_promotion) {
  if (Running()) throw base::Error(Code::kInternal, "the server in " + data().string() + " runs already");
  for (int attempt = 0; attempt < 5; ++attempt) {
    // A server that is started again keeps its port, unless another process took it meanwhile.
    const bool keeps = attempt == 0 && state_->port != 0;
    if (!keeps) state_->port = state_->options.port ? *state_->options.port : SomePort();
    if (state_->TryStart(deadline, wait_for_promotion)) return;
  }
  throw base::Error(Code::kServerStart, fmt::format("port {} is in use", state_->port));
}

void Server::Stop(StopMode mode) { state_->Stop(mode); }
void Server::Detach() { state_->child.reset(); }
bool Server::Running() { return state_->child && state_->child->Running(); }
int Server::port() const { return state_->port; }
int Server::pid() const { return state_->child ? state_->child->pid() : 0; }
const fs::path& Server::data() const { return state_->options.data; }
std::string Server::LogText() const { return state_->LogText(); }

std::string Server::Url() const { return Url(state_->options.database); }
std::string Server::Url(const std::string& database) const { return state_->Url(database); }

}  // namespace sandbox
