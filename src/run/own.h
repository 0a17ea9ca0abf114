#pragma once

#include <string>

#include "pg/connection.h"

namespace run {

// Marks the connection's open transaction as the release's own, for whoever reads the write-ahead log. First of all in
// it, so that it is known before its first change.
void MarkAsOwn(pg::Connection& connection, const std::string& tag_secret, const std::string& release);

}  // namespace run
