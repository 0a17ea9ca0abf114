#include "pgbench.h"

#include <fmt/core.h>

#include <csignal>
#include <cstdlib>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

namespace drill_test {
namespace {

// pgbench's own tpcb-like script, but for the name of the column, and a mark in the history.
std::string Script(const std::string& column, const std::string& mark) {
  return fmt::format(R"(\set aid random(1, 100000 * :scale)
\set bid random(1, 1 * :scale)
\set tid random(1, 10 * :scale)
\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET {0} = {0} + :delta WHERE aid = :aid;
SELECT {0} FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime, filler) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP, '{1}');
END;
)",
                     column, mark);
}

}  // namespace

std::string Setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

Bench Bench::Start(const sandbox::Binaries& binaries, const std::string& url, const std::filesystem::path& directory,
                   const std::string& scale, const std::string& column, const std::string& protocol) {
  const std::string name = fmt::format("{}-{}", protocol, base::RandomHex(3));
  const std::filesystem::path script = directory / (name + ".sql");
  const std::filesystem::path log = directory / (name + ".log");
  base::WriteFile(script, Script(column, name));
  return {name,
          base::Child::Start({.argv = {binaries.Program("pgbench"), "--no-vacuum", "--scale=" + scale, "--client=2",
                                       "--time=3600", "--rate=" + Setting("SB_PGBENCH_RATE", "60"),
                                       "--protocol=" + protocol, "--file=" + script.string(), url}},
                             log),
          log};
}

std::string Bench::Complaints() {
  const std::string said = base::ReadFile(log_);
  if (!child_.Running()) return name_ + " ended by itself: " + said;
  return said.find("ERROR") != std::string::npos || said.find("error") != std::string::npos ? name_ + ": " + said : "";
}

std::string Bench::Stop() {
  const std::string complaints = Complaints();
  child_.Signal(SIGTERM);
  child_.Wait(std::chrono::milliseconds(10'000));
  return complaints;
}

std::int64_t Bench::Finish() {
  static constexpr std::string_view kProcessed = "number of transactions actually processed: ";
  child_.Signal(SIGALRM);
  const std::optional<int> exit = child_.Wait(std::chrono::milliseconds(30'000));
  const std::string said = base::ReadFile(log_);
  const std::size_t at = said.find(kProcessed);
  if (exit != 0 || at == std::string::npos) {
    throw base::Error(base::Code::kInternal, name_ + " did not end in order").Detail(said);
  }
  return std::stoll(said.substr(at + kProcessed.size()));
}

void Application::Start() {
  benches_.push_back(Bench::Start(binaries_, pooled_, directory_, scale_, column_, "simple"));
  benches_.push_back(Bench::Start(binaries_, url_, directory_, scale_, column_, "prepared"));
}

std::string Application::Complaints() {
  std::string complaints;
  for (Bench& bench : benches_) complaints += bench.Complaints();
  return complaints;
}

std::string Application::Stop() {
  std::string complaints;
  for (Bench& bench : benches_) complaints += bench.Stop();
  benches_.clear();
  return complaints;
}

std::map<std::string, std::int64_t> Application::Finish() {
  std::map<std::string, std::int64_t> acknowledged;
  for (Bench& bench : benches_) acknowledged[bench.name()] = bench.Finish();
  benches_.clear();
  return acknowledged;
}

std::vector<std::string> Application::Names() const {
  std::vector<std::string> names;
  for (const Bench& bench : benches_) names.push_back(bench.name());
  return names;
}

}  // namespace drill_test
