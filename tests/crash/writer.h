#pragma once

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "pg/connection.h"

namespace crash {

// An application in two versions that writes all the time, as far as its columns are there: the old one `name`, the new
// one `title`. It keeps a ledger of what the server acknowledged. Its rows are those below kOwnRows and from
// kInsertedFrom on.
class Writer {
 public:
  static constexpr int kOwnRows = 100;
  static constexpr int kInsertedFrom = 1'000'000;

  explicit Writer(std::string url);
  ~Writer();
  Writer(const Writer&) = delete;

  // Stops writing. What was acknowledged and is not there, or not the same in both columns; and what the server refused
  // although it was up.
  std::vector<std::string> Missing();
  [[nodiscard]] int acknowledged() const { return acknowledged_; }

 private:
  struct Entry {
    std::string value;                  // the last one acknowledged; "": none
    std::vector<std::string> in_doubt;  // sent since, and not answered
  };
  void Work();
  void Write(pg::Connection& connection);

  std::string url_;
  std::map<int, Entry> ledger_;
  std::vector<std::string> refused_;
  int sent_ = 0;
  std::atomic<int> acknowledged_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace crash
