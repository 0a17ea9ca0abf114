#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ledger.h"
#include "pg/connection.h"
#include "random.h"
#include "world.h"

namespace chaos {

constexpr int kApplications = 4;

// An application at work on rows that are its own, in one version or the other: it inserts, updates, deletes and reads
// all the time, and complains about what it may not read and about statements that fail.
class Application {
 public:
  Application(const World& world, std::uint64_t seed, int index, std::string url);
  ~Application();
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  // Writes the rows that it begins with; before it is turned on.
  void Load();
  // As which version it works on; nothing: it ends its sessions. Returns when that is so.
  void Turn(std::optional<Version> version);
  // It works on another server from now on.
  void MoveTo(std::string url);
  // Writes may be refused with 25006 from now on; the first one that is ends its work.
  void AwaitFence() { fence_awaited_ = true; }

  [[nodiscard]] std::optional<Version> version() const;
  // What was wrong since it was asked last.
  [[nodiscard]] std::vector<std::string> Complaints();
  // While it rests.
  Ledger& ledger() { return ledger_; }

 private:
  struct Write {
    std::string table;
    std::int64_t id = 0;
    Ledger::Change change;
    std::string sql;
    pg::Params params;
  };

  void Work();
  void Step();
  void Do(const std::vector<Write>& writes);
  void ReadBack(const std::string& table, std::int64_t id);
  Write Insert(const Table& table, std::int64_t id, std::int64_t parent);
  void InsertSome();
  void UpdateOne();
  void DeleteOne();
  std::int64_t NextId() { return index_ + 1 + kApplications * ++serial_; }
  void Complain(const std::string& text);

  const World& world_;
  Random random_;
  int index_ = 0;
  std::string url_;
  Ledger ledger_;
  mutable std::mutex mutex_;  // guards all of it; held during a step
  std::optional<Version> version_;
  std::optional<pg::Connection> connection_;
  std::vector<std::string> complaints_;
  std::int64_t serial_ = 0;
  std::atomic<bool> fence_awaited_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Of the table, by the columns' names in that version.
std::string ColumnsOf(const Table& table, Version version);
Read RowOf(const pg::Result& result, int row, int first_column);

}  // namespace chaos
