#include "pg/replication.h"

#include <fmt/core.h>
#include <poll.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "pg/connection_state.h"
#include "pg/conninfo.h"
#include "pg/failure.h"
#include "pg/quote.h"

namespace pg {
namespace {

using base::Code;
using std::chrono::milliseconds;

constexpr milliseconds kLookForStop{200};

ConnectOptions AsReplication(ConnectOptions options) {
  auto parameters = ParseConninfo(options.conninfo);
  parameters["replication"] = "database";
  options.conninfo = FormatConninfo(parameters);
  return options;
}

std::string StartCommand(const ReplicationOptions& options) {
  return fmt::format("START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {}, messages 'true')",
                     Ident(options.slot), options.start.Text(), ReplicationLiteral(IdentList(options.publications)));
}

// What the server says of the slot, or of the publications by which it decodes.
base::Error SlotError(const PGresult* result, const ReplicationOptions& options, const std::string& command) {
  base::Error error = StatementError(result, command);
  const std::string& state = error.sqlstate();
  const bool busy = state == "55006";  // object_in_use
  // undefined_object, object_not_in_prerequisite_state, and a segment of the log that is gone
  const bool lost = state == "42704" || state == "55000" || state == "58P01";
  if (!busy && !lost) return error;
  return base::Error(busy ? Code::kSlotBusy : Code::kSlotLost,
                     busy ? fmt::format("another session reads the slot {}", options.slot)
                          : fmt::format("the slot {} cannot be read any more", options.slot))
      .Detail(error.message() + (error.detail().empty() ? "" : "\n" + error.detail()))
      .Sqlstate(state)
      .Statement(command);
}

// The protocol's integers are in network byte order.
std::uint64_t Big64(const char* bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void Put64(char* bytes, std::uint64_t value) {
  for (int i = 7; i >= 0; --i, value >>= 8) bytes[i] = static_cast<char>(value & 0xFF);
}

[[noreturn]] void Garbled(std::string_view what) {
  throw base::Error(Code::kStreamMalformed, fmt::format("the server sent {} in a stream of replication", what));
}

}  // namespace

struct Replication::State {
  struct FreeMemory {
    void operator()(char* memory) const { PQfreemem(memory); }
  };

  ReplicationOptions options;
  std::string redacted;
  RawConnection connection;
  std::unique_ptr<char, FreeMemory> buffer;

  // True: there is something to read. False: the deadline passed.
  bool Await(const Clock::time_point& deadline) {
    for (;;) {
      if (base::Asked(options.stop)) {
        throw base::Error(Code::kInterrupted, "reading of the slot was interrupted");
      }
      const Clock::time_point look = std::min(deadline, Clock::now() + kLookForStop);
      if (WaitForSocket(PQsocket(connection.get()), POLLIN, &look)) return true;
      if (Clock::now() >= deadline) return false;
    }
  }

  [[noreturn]] void Lost() const {
    throw base::Error(Code::kConnectionLost, fmt::format("the connection to {} broke", redacted))
        .Detail(PQerrorMessage(connection.get()));
  }

  // The next result of a command; nothing: there is none any more.
  RawResult NextResult(milliseconds timeout) {
    const Clock::time_point deadline = Clock::now() + timeout;
    while (PQisBusy(connection.get()) != 0) {
      if (!Await(deadline)) {
        throw base::Error(Code::kDeadline, fmt::format("the server did not answer within {} ms", timeout.count()))
            .Detail(fmt::format("server: {}", redacted));
      }
      if (PQconsumeInput(connection.get()) == 0) Lost();
    }
    return RawResult(PQgetResult(connection.get()));
  }

  void Run(const std::string& command) {
    if (PQsendQuery(connection.get(), command.c_str()) == 0) Lost();
    while (RawResult answer = NextResult(options.connect.connect_timeout)) {
      switch (PQresultStatus(answer.get())) {
        case PGRES_COPY_BOTH:
          return;
        case PGRES_FATAL_ERROR:
        case PGRES_BAD_RESPONSE:
          throw SlotError(answer.get(), options, command);
        default:
          break;
      }
    }
  }

  // The stream ended, which it does only with an error.
  [[noreturn]] void Ended() {
    while (RawResult answer = NextResult(options.connect.connect_timeout)) {
      if (PQresultStatus(answer.get()) == PGRES_FATAL_ERROR) {
        throw SlotError(answer.get(), options, StartCommand(options));
      }
      if (PQstatus(connection.get()) != CONNECTION_OK) break;
    }
    Lost();
  }
};

Replication::Replication(const ReplicationOptions& options) : state_(std::make_unique<State>()) {
  state_->options = options;
  state_->redacted = Redacted(options.connect.conninfo);
  state_->connection = Connect(AsReplication(options.connect), state_->redacted);
  state_->Run("SET search_path = pg_catalog, pg_temp");
  state_->Run(StartCommand(options));
}

Replication::Replication(Replication&&) noexcept = default;
Replication::~Replication() = default;

Replication::Received Replication::Next() {
  State& state = *state_;
  const Clock::time_point deadline = Clock::now() + state.options.silence;
  for (;;) {
    char* raw = nullptr;
    const int size = PQgetCopyData(state.connection.get(), &raw, 1);
    state.buffer.reset(raw);
    if (size == -1) state.Ended();
    if (size < -1) state.Lost();
    if (size == 0) {
      if (!state.Await(deadline)) {
        throw base::Error(Code::kDeadline,
                          fmt::format("the server said nothing for {} s", state.options.silence.count() / 1000))
            .Detail(fmt::format("server: {}", state.redacted));
      }
      if (PQconsumeInput(state.connection.get()) == 0) state.Lost();
      continue;
    }
    constexpr std::size_t kDataHeader = 1 + 8 + 8 + 8;
    constexpr std::size_t kSignOfLife = 1 + 8 + 8 + 1;
    const std::string_view message(raw, static_cast<std::size_t>(size));
    if (message[0] == 'w' && message.size() > kDataHeader) return {.data = message.substr(kDataHeader), .at = {}};
    if (message[0] == 'k' && message.size() == kSignOfLife) {
      return {.data = {}, .at = {Big64(raw + 1)}, .reply_wanted = message.back() != 0};
    }
    Garbled("a message that does not belong there");
  }
}

void Replication::Confirm(Lsn received, Lsn safe) {
  const auto since_2000 = std::chrono::system_clock::now() - std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(since_2000).count();
  std::array<char, 1 + 8 * 4 + 1> message{};
  message[0] = 'r';
  Put64(&message[1], received.value);
  Put64(&message[9], safe.value);
  Put64(&message[17], safe.value);
  Put64(&message[25], static_cast<std::uint64_t>(now));
  if (PQputCopyData(state_->connection.get(), message.data(), static_cast<int>(message.size())) != 1 ||
      PQflush(state_->connection.get()) < 0) {
    state_->Lost();
  }
}

void Replication::End() {
  State& state = *state_;
  if (PQputCopyEnd(state.connection.get(), nullptr) != 1) state.Lost();
  // The rest of what was on its way, the server's own end of the copy, the end of the command.
  while (RawResult answer = state.NextResult(state.options.silence)) {
    switch (PQresultStatus(answer.get())) {
      case PGRES_COPY_BOTH:
      case PGRES_COPY_OUT: {
        const Clock::time_point deadline = Clock::now() + state.options.silence;
        char* raw = nullptr;
        for (int size = 0; size != -1;) {
          size = PQgetCopyData(state.connection.get(), &raw, 1);
          state.buffer.reset(raw);
          raw = nullptr;
          if (size < -1) state.Lost();
          if (size == 0 && (!state.Await(deadline) || PQconsumeInput(state.connection.get()) == 0)) state.Lost();
        }
        break;
      }
      case PGRES_FATAL_ERROR:
      case PGRES_BAD_RESPONSE:
        throw SlotError(answer.get(), state.options, StartCommand(state.options));
      default:
        break;
    }
  }
  state.connection.reset();
}

}  // namespace pg
