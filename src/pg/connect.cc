#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <vector>

#include "base/error.h"
#include "pg/connection_state.h"
#include "pg/conninfo.h"
#include "pg/failure.h"
#include "pg/session.h"

namespace pg {
namespace {

using base::Code;

// libpq falls back to the user's name on the local socket; a tool that changes databases does not guess one.
void RequireSomeDatabase(const std::map<std::string, std::string>& parameters) {
  if (!parameters.empty()) return;
  for (const char* name : {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"}) {
    if (std::getenv(name) != nullptr) return;
  }
  throw base::Error(Code::kNoDatabase, "no database was named");
}

std::map<std::string, std::string> Parameters(const ConnectOptions& options, Pins pins) {
  auto parameters = ParseConninfo(options.conninfo);
  RequireSomeDatabase(parameters);
  if (!options.application_name.empty()) parameters["application_name"] = options.application_name;
  parameters["client_encoding"] = "UTF8";
  if (pins == Pins::kAtStart) parameters["options"] = StartupOptions(Effective(parameters, "options"));
  // A statement may run for hours, so a server that went away must be noticed by the network alone.
  parameters.try_emplace("keepalives_idle", "10");
  parameters.try_emplace("keepalives_interval", "5");
  parameters.try_emplace("keepalives_count", "3");
  parameters.try_emplace("tcp_user_timeout", "30000");
  return parameters;
}

std::chrono::milliseconds ConnectTimeout(const ConnectOptions& options,
                                         const std::map<std::string, std::string>& parameters) {
  auto given = parameters.find("connect_timeout");
  if (given == parameters.end()) return options.connect_timeout;
  const int seconds = std::atoi(given->second.c_str());
  return std::chrono::seconds(seconds > 0 ? seconds : 0);
}

// PQconnectdb honours connect_timeout but cannot give a refused login's SQLSTATE; so this is its loop. The timeout
// counts for each address: past it the socket is shut down, upon which libpq goes on to the next address or gives up.
void Establish(PGconn* connection, std::chrono::milliseconds timeout) {
  auto deadline = Clock::now() + timeout;
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
    const short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!WaitForSocket(PQsocket(connection), events, timeout.count() > 0 ? &deadline : nullptr)) {
      ::shutdown(PQsocket(connection), SHUT_RDWR);
      deadline = Clock::now() + timeout;
    }
    status = PQconnectPoll(connection);
  }
}

}  // namespace

bool WaitForSocket(int socket, short events, const Clock::time_point* deadline) {
  for (;;) {
    int wait = -1;
    if (deadline != nullptr) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now());
      if (left.count() <= 0) return false;
      wait = static_cast<int>(std::min<std::int64_t>(left.count(), 3'600'000));
    }
    pollfd entry{socket, events, 0};
    const int ready = ::poll(&entry, 1, wait);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // the next read says what is wrong with the socket
  }
}

RawConnection Connect(const ConnectOptions& options, const std::string& redacted, Pins pins) {
  const auto parameters = Parameters(options, pins);
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  RawConnection connection(PQconnectStartParams(keywords.data(), values.data(), 0));
  if (connection == nullptr) throw base::Error(Code::kInternal, "out of memory");
  PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
  if (PQstatus(connection.get()) != CONNECTION_BAD) Establish(connection.get(), ConnectTimeout(options, parameters));
  if (PQstatus(connection.get()) != CONNECTION_OK) throw ConnectError(connection.get(), redacted);
  PQsetErrorVerbosity(connection.get(), PQERRORS_DEFAULT);
  return connection;
}

}  // namespace pg
