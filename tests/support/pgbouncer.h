#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/process.h"

namespace test {

// A real PgBouncer (Debian's, in /usr/sbin) in front of one database, on a socket of its own. It refuses root, so it
// runs as the server's account.
class PgBouncer {
 public:
  // `database_url`: of the server, over its socket; `mode`: "transaction" or "session"; `pool`: connections to it.
  PgBouncer(const std::string& database_url, const std::string& mode, int pool);
  PgBouncer(const PgBouncer&) = delete;
  PgBouncer& operator=(const PgBouncer&) = delete;
  ~PgBouncer();

  // Connection string of the database through it, with what `more` adds.
  [[nodiscard]] std::string Conninfo(const std::string& more = "") const;

 private:
  void Write(const std::string& name, const std::string& text) const;

  std::filesystem::path directory_;
  std::optional<base::Account> account_;
  std::optional<base::Child> child_;
};

}  // namespace test
