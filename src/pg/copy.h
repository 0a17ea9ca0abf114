#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.h"

// Rows in bulk, in COPY's text format. Each COPY has a session of its own, in which values are written in the form that
// Connection pins, and is a transaction of its own.
namespace pg {

// COPY ... FROM STDIN. Unless End() is called, nothing is copied.
class CopyIn {
 public:
  // Throw what connecting throws, kStatementFailed, kConnectionLost.
  CopyIn(const ConnectOptions& options, const std::string& sql);
  CopyIn(CopyIn&&) noexcept;
  CopyIn(const CopyIn&) = delete;
  CopyIn& operator=(const CopyIn&) = delete;
  ~CopyIn();

  CopyIn& Field(std::optional<std::string_view> value);
  // Ends the row whose fields were given.
  void Row();
  // When it returns, the rows are committed.
  void End();

 private:
  void Send();

  struct State;
  std::unique_ptr<State> state_;
};

// COPY (...) TO STDOUT.
class CopyOut {
 public:
  CopyOut(const ConnectOptions& options, const std::string& sql);
  CopyOut(const CopyOut&) = delete;
  CopyOut& operator=(const CopyOut&) = delete;
  ~CopyOut();

  // The next row's fields; null: there is none any more. Valid until the next call.
  const std::vector<std::optional<std::string>>* Next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The text form of an array of texts.
std::string ArrayText(const std::vector<std::optional<std::string>>& values);

}  // namespace pg
