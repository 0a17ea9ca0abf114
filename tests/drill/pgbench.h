#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/process.h"
#include "sandbox/server.h"

namespace drill_test {

// What the environment says, or otherwise.
std::string Setting(const char* name, const char* otherwise);

// One pgbench at work: its script for the account's balance in `column`, its protocol, two clients, SB_PGBENCH_RATE
// transactions a second. Each transaction leaves `name` in pgbench_history.filler, so that its progress can be seen.
class Bench {
 public:
  static Bench Start(const sandbox::Binaries& binaries, const std::string& url, const std::filesystem::path& directory,
                     const std::string& scale, const std::string& column, const std::string& protocol);
  [[nodiscard]] const std::string& name() const { return name_; }
  // What pgbench said about failed statements or lost clients; empty: nothing.
  std::string Complaints();
  // Ends it; what it said until then.
  std::string Stop();
  // Lets it end in order, as when its time is up: the transactions that were acknowledged to it. Throws what it said
  // when it did not.
  std::int64_t Finish();

 private:
  Bench(std::string name, base::Child child, std::filesystem::path log)
      : name_(std::move(name)), child_(std::move(child)), log_(std::move(log)) {}
  std::string name_;
  base::Child child_;
  std::filesystem::path log_;
};

// The old application (column abalance) or the new one (balance), twice at once: by the simple protocol through
// PgBouncer, which pools transactions, and by the prepared protocol without it (PgBouncer carries that since 1.21
// only).
class Application {
 public:
  Application(const sandbox::Binaries& binaries, std::string url, std::string pooled, std::filesystem::path directory,
              std::string scale, std::string column)
      : binaries_(binaries),
        url_(std::move(url)),
        pooled_(std::move(pooled)),
        directory_(std::move(directory)),
        scale_(std::move(scale)),
        column_(std::move(column)) {}
  ~Application() { Stop(); }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  void Start();
  // Complaints of all, until now.
  std::string Stop();
  // Of each, by its name.
  std::map<std::string, std::int64_t> Finish();
  std::string Complaints();
  [[nodiscard]] bool running() const { return !benches_.empty(); }
  [[nodiscard]] std::vector<std::string> Names() const;

 private:
  const sandbox::Binaries& binaries_;
  std::string url_;
  std::string pooled_;
  std::filesystem::path directory_;
  std::string scale_;
  std::string column_;
  std::vector<Bench> benches_;
};

}  // namespace drill_test
