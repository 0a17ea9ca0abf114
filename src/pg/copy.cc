#include "pg/copy.h"

#include <algorithm>

#include "base/error.h"
#include "pg/connection_state.h"
#include "pg/failure.h"

namespace pg {
namespace {

constexpr std::size_t kPiece = 1 << 16;
// A COPY waits for its reader as long as that takes.
constexpr const char* kPins = "SET search_path = pg_catalog, pg_temp; SET idle_in_transaction_session_timeout = 0";

[[noreturn]] void Lost(PGconn* connection, const std::string& sql) {
  throw base::Error(base::Code::kConnectionLost, "the connection to the server broke")
      .Detail(PQerrorMessage(connection))
      .Statement(sql);
}

// A session in which `sql` has begun.
RawConnection Begin(const ConnectOptions& options, const std::string& sql, ExecStatusType expected) {
  RawConnection connection = Connect(options, Redacted(options.conninfo));
  PQsetnonblocking(connection.get(), 0);
  for (const std::string& statement : {std::string(kPins), sql}) {
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

// Appends `text`, with what `escaped` gives in place of a byte; null: the byte itself.
template <typename Escaped>
void AppendEscaped(std::string& to, std::string_view text, Escaped escaped) {
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char* const in_its_place = escaped(text[i]);
    if (in_its_place == nullptr) continue;
    to.append(text, plain, i - plain).append(in_its_place);
    plain = i + 1;
  }
  to.append(text, plain);
}

const char* InCopy(char byte) {
  switch (byte) {
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    default:
      return nullptr;
  }
}

const char* InArray(char byte) { return byte == '"' ? "\\\"" : byte == '\\' ? "\\\\" : nullptr; }

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

// A line of COPY into its fields, whose memory is used again.
void Split(std::string_view line, std::vector<std::optional<std::string>>& fields) {
  std::size_t count = 0;
  for (bool more = true; more;) {
    if (count == fields.size()) fields.emplace_back();
    std::optional<std::string>& field = fields[count++];
    if (field) {
      field->clear();
    } else {
      field.emplace();
    }
    for (;;) {
      const auto special =
          std::find_if(line.begin(), line.end(), [](char byte) { return byte == '\t' || byte == '\\'; });
      const auto end = static_cast<std::size_t>(special - line.begin());
      if (field) field->append(line, 0, end);
      more = end < line.size() && line[end] == '\t';
      const bool escape = end < line.size() && !more;
      if (escape && line[end + 1] == 'N') {
        field.reset();
      } else if (escape) {
        *field += Escaped(line[end + 1]);
      }
      line.remove_prefix(std::min(end + (escape ? 2 : 1), line.size()));
      if (!escape) break;
    }
  }
  fields.resize(count);
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
  if (value) {
    AppendEscaped(to, *value, InCopy);
  } else {
    to += "\\N";
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
  Split({row, static_cast<std::size_t>(size - 1)}, state_->fields);  // the last byte ends the line
  return &state_->fields;
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
    AppendEscaped(text, *value, InArray);
    text += '"';
  }
  return text + "}";
}

}  // namespace pg
