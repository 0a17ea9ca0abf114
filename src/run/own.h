#pragma once

#include <string>

#include "journal/tag.h"
#include "pg/connection.h"

namespace run {

// Marks the connection's open transaction as the release's own, for whoever reads the write-ahead log. First of all in
// it, so that it is known before its first change.
void MarkAsOwn(pg::Connection& connection, const std::string& tag_secret, const journal::Tag& tag);

}  // namespace run
