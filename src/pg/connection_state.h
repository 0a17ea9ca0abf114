#pragma once

#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "pg/connection.h"

namespace pg {

using Clock = std::chrono::steady_clock;

struct ConnectionDeleter {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct CancelDeleter {
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
};
struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using RawConnection = std::unique_ptr<PGconn, ConnectionDeleter>;
using RawResult = std::unique_ptr<PGresult, ResultDeleter>;

struct Connection::State {
  ConnectOptions options;
  std::string redacted;
  RawConnection connection;
  std::unique_ptr<PGcancel, CancelDeleter> cancel;
  std::atomic<bool> cancelled{false};  // Cancel() was called since the last statement began
  std::chrono::milliseconds statement_timeout{0};
  std::function<void(std::string_view, std::string_view)> on_notice;
};

enum class Pins { kAtStart, kNone };

// A session with `options`; of the pins of session.h it has those of the startup packet. Throws kNoDatabase,
// kBadConnectionString, kUnreachable, kAuthentication, kUnknownDatabase, kPrivilege, kPooler.
RawConnection Connect(const ConnectOptions& options, const std::string& redacted, Pins pins = Pins::kAtStart);

// Waits for a socket event. False: the deadline passed first.
bool WaitForSocket(int socket, short events, const Clock::time_point* deadline);

}  // namespace pg
