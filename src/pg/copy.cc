#include "pg/copy.h"

#include "base/error.h"
#include "pg/connection_state.h"
#include "pg/failure.h"

namespace pg {
namespace {

constexpr std::size_t kPiece = 1 << 16;

[[noreturn]] void Lost(PGconn* connection, const std::string& sql) {
  throw base::Error(base::Code::kConnectionLost, "the connection to the server broke")
      .Detail(PQerrorMessage(connection))
      .Statement(sql);
}

// A session in which `sql` has begun.
RawConnection Begin(const ConnectOptions& options, const std::string& sql, ExecStatusType expected) {
  RawConnection connection = Connect(options, Redacted(options.conninfo));
  PQsetnonblocking(connection.get(), 0);
  for (const std::string& statement : {std::string(kTextPins), sql}) {
    const RawResult result(PQexec(connection.get(), statement.c_str()));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != expected) throw StatementError(result.get(), statement);
  }
  return connection;
}

void Finish(PGconn* connection, const std::string& sql) {
  while (const RawResult result{PQgetResult(connection)}) {
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) throw StatementError(result.get(), sql);
  }
}

// What COPY writes behind a backslash, and what it stands for.
char Escaped(char byte) {
  switch (byte) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    default:
      return byte;
  }
}

}  // namespace

struct CopyIn::State {
  RawConnection connection = {};
  std::string sql = {};
  std::string buffer = {};
  bool in_row = false;
};

CopyIn::CopyIn(const ConnectOptions& options, const std::string& sql)
    : state_(std::make_unique<State>(State{.connection = Begin(options, sql, PGRES_COPY_IN), .sql = sql})) {}
CopyIn::CopyIn(CopyIn&&) noexcept = default;
// A session that goes away without an end of its COPY rolls it back.
CopyIn::~CopyIn() = default;

CopyIn& CopyIn::Field(std::optional<std::string_view> value) {
  std::string& to = state_->buffer;
  if (state_->in_row) to += '\t';
  state_->in_row = true;
  if (!value) {
    to += "\\N";
    return *this;
  }
  for (const char byte : *value) {
    switch (byte) {
      case '\\':
        to += "\\\\";
        break;
      case '\n':
        to += "\\n";
        break;
      case '\t':
        to += "\\t";
        break;
      case '\r':
        to += "\\r";
        break;
      default:
        to += byte;
    }
  }
  return *this;
}

void CopyIn::Row() {
  state_->buffer += '\n';
  state_->in_row = false;
  if (state_->buffer.size() >= kPiece) Send();
}

void CopyIn::Send() {
  std::string& buffer = state_->buffer;
  if (PQputCopyData(state_->connection.get(), buffer.data(), static_cast<int>(buffer.size())) != 1) {
    Lost(state_->connection.get(), state_->sql);
  }
  buffer.clear();
}

void CopyIn::End() {
  Send();
  if (PQputCopyEnd(state_->connection.get(), nullptr) != 1) Lost(state_->connection.get(), state_->sql);
  Finish(state_->connection.get(), state_->sql);
}

struct CopyOut::State {
  RawConnection connection = {};
  std::string sql = {};
  std::vector<std::optional<std::string>> fields = {};
};

CopyOut::CopyOut(const ConnectOptions& options, const std::string& sql)
    : state_(std::make_unique<State>(State{.connection = Begin(options, sql, PGRES_COPY_OUT), .sql = sql})) {}
CopyOut::~CopyOut() = default;

const std::vector<std::optional<std::string>>* CopyOut::Next() {
  char* row = nullptr;
  const int size = PQgetCopyData(state_->connection.get(), &row, 0);
  if (size == -1) {
    Finish(state_->connection.get(), state_->sql);
    return nullptr;
  }
  if (size < 0) Lost(state_->connection.get(), state_->sql);
  const std::unique_ptr<char, void (*)(void*)> owner(row, PQfreemem);
  std::vector<std::optional<std::string>>& fields = state_->fields;
  fields.assign(1, "");
  for (int i = 0; i + 1 < size; ++i) {  // the last byte ends the line
    if (row[i] == '\t') {
      fields.emplace_back("");
    } else if (row[i] != '\\') {
      *fields.back() += row[i];
    } else if (row[++i] == 'N') {
      fields.back().reset();
    } else {
      *fields.back() += Escaped(row[i]);
    }
  }
  return &fields;
}

std::string ArrayText(const std::vector<std::optional<std::string>>& values) {
  std::string text = "{";
  for (const std::optional<std::string>& value : values) {
    if (text.size() > 1) text += ',';
    if (!value) {
      text += "NULL";
      continue;
    }
    text += '"';
    for (const char byte : *value) {
      if (byte == '"' || byte == '\\') text += '\\';
      text += byte;
    }
    text += '"';
  }
  return text + "}";
}

}  // namespace pg
