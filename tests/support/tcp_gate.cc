#include "tcp_gate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <list>
#include <stdexcept>
#include <string_view>

#include "pg/conninfo.h"

namespace test {
namespace {

struct Pair {
  int client = -1;
  int server = -1;
  bool deaf = false;  // what the server says is dropped
};

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

void Close(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

// False: the other side is gone.
bool Write(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (written <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void FromClient(Pair& pair, std::string_view data, std::atomic<TcpGate::Fault>& fault) {
  using Fault = TcpGate::Fault;
  const Fault now = data.find("COMMIT") == std::string_view::npos ? Fault::kNone : fault.exchange(Fault::kNone);
  if (now == Fault::kLoseRequest) Close(pair.server);
  if (now == Fault::kLoseRequest || now == Fault::kHideFate) {
    Close(pair.client);
    return;
  }
  if (!Write(pair.server, data)) Close(pair.client);
  if (now == Fault::kSwallowAnswer) pair.deaf = true;
  if (now == Fault::kLoseAnswer) {
    char answer = 0;
    (void)::recv(pair.server, &answer, 1, 0);  // so that the server has surely committed
    Close(pair.client);
    Close(pair.server);
  }
}

// Moves what is there to the other side.
void Relay(Pair& pair, bool from_client, std::atomic<TcpGate::Fault>& fault) {
  std::array<char, 65536> buffer;
  const ssize_t got = ::recv(from_client ? pair.client : pair.server, buffer.data(), buffer.size(), 0);
  if (got <= 0) {
    Close(pair.client);
    Close(pair.server);
    return;
  }
  const std::string_view data(buffer.data(), static_cast<std::size_t>(got));
  if (from_client) {
    FromClient(pair, data, fault);
  } else if (!pair.deaf && pair.client >= 0) {
    Write(pair.client, data);
  }
}

}  // namespace

TcpGate::TcpGate(const std::string& server_url) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
  TurnTo(server_url);
  auto address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("the gate cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

TcpGate::~TcpGate() {
  stop_ = true;
  thread_.join();
  Close(listener_);
}

void TcpGate::TurnTo(const std::string& server_url) {
  auto where = pg::ParseConninfo(server_url);
  const std::lock_guard<std::mutex> guard(mutex_);
  socket_ = where["host"] + "/.s.PGSQL." + where["port"];
}

// A thread for each pair: a client that does not read must not hold up the others.
void TcpGate::Pass(int client) {
  Pair pair{client, ::socket(AF_UNIX, SOCK_STREAM, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    socket_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  }
  if (::connect(pair.server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) Close(pair.client);
  while (!stop_ && (pair.client >= 0 || pair.server >= 0)) {
    std::array<pollfd, 2> entries{{{pair.client, POLLIN, 0}, {pair.server, POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), 20) <= 0) continue;
    if (entries[0].revents != 0 && pair.client >= 0) Relay(pair, true, fault_);
    if (entries[1].revents != 0 && pair.server >= 0) Relay(pair, false, fault_);
  }
  Close(pair.client);
  Close(pair.server);
}

void TcpGate::Serve() {
  std::list<std::jthread> pairs;
  while (!stop_) {
    pollfd entry{listener_, POLLIN, 0};
    if (::poll(&entry, 1, 20) <= 0) continue;
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client >= 0) pairs.emplace_back([this, client] { Pass(client); });
  }
}

}  // namespace test
