#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/process.h"
#include "drill/ledger.h"

namespace drill {

// The running instances of the shop in one act: processes of this program, which read their SQL from the repository's
// HEAD.
class Deployment {
 public:
  // Ledgers and the address file live in `directory`, which is made.
  Deployment(const std::filesystem::path& directory, std::filesystem::path repository);
  Deployment(const Deployment&) = delete;
  Deployment& operator=(const Deployment&) = delete;
  ~Deployment();  // kills what still runs

  // Where applications find the database; running ones follow.
  void PointTo(const std::string& address);
  // Starts an instance of HEAD, and waits until its first request is answered.
  void Start(const std::string& version);
  // Stops the oldest instance; it finishes its request.
  void StopOldest();
  // One by one, a new instance of HEAD beside each old one, which is then stopped.
  void Roll(const std::string& version);
  // All instances of one version.
  void Stop(const std::string& version);
  void StopAll();
  [[nodiscard]] std::size_t running() const { return instances_.size(); }

  [[nodiscard]] std::vector<LedgerLine> Lines() const { return ReadLedgers(directory_); }

 private:
  struct Instance {
    std::string version;
    base::Child child;
    std::filesystem::path ledger;
    std::filesystem::path log;
  };
  void Await(std::size_t at);  // that it stops in order; removes it

  std::filesystem::path directory_;
  std::filesystem::path repository_;
  std::vector<Instance> instances_;
  int started_ = 0;
};

}  // namespace drill
