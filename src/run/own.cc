#include "run/own.h"

namespace run {

void MarkAsOwn(pg::Connection& connection, const std::string& tag_secret, const journal::Tag& tag) {
  connection.Query("SELECT pg_catalog.pg_logical_emit_message(true, $1, $2)",
                   {std::string(journal::kTagPrefix), journal::MakeTag(tag_secret, tag)});
}

}  // namespace run
