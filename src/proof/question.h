#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.h"

namespace proof {

// What a question in SQL was answered: one value, or why there is none.
struct Answer {
  std::optional<std::string> value;  // nothing: NULL, or no answer
  std::string error;                 // why it could not be asked; empty: it could
};

// Asks each question in a read-only transaction of its own that is rolled back, with the role's own search_path:
// nothing is written, whatever a question tries. One that fails, takes longer than `timeout` or does not give exactly
// one value is an answer with an error; a lost connection throws kConnectionLost, and the connection's stop
// token kInterrupted, also while a question runs. The connection must not be in a transaction.
std::vector<Answer> Ask(pg::Connection& connection, const std::vector<std::string>& questions,
                        std::chrono::milliseconds timeout);

}  // namespace proof
