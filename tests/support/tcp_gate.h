#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

namespace test {

// A relay on 127.0.0.1 in front of a server's socket that misbehaves once, at the first COMMIT after Arm().
class TcpGate {
 public:
  enum class Fault {
    kNone,
    kLoseAnswer,    // COMMIT arrives, the client's connection breaks before the answer
    kLoseRequest,   // both connections break before COMMIT arrives
    kHideFate,      // the client's connection breaks; the server waits on for a COMMIT that never arrives
    kSwallowAnswer  // COMMIT arrives; the client waits on for an answer that never arrives
  };

  explicit TcpGate(const std::string& server_url);
  TcpGate(const TcpGate&) = delete;
  ~TcpGate();

  [[nodiscard]] int port() const { return port_; }
  // Connections from now on go to another server.
  void TurnTo(const std::string& server_url);
  void Arm(Fault fault) { fault_ = fault; }
  // True where the fault has not happened yet.
  [[nodiscard]] bool Armed() const { return fault_ != Fault::kNone; }

 private:
  void Serve();
  void Pass(int client);

  std::mutex mutex_;
  std::string socket_;  // of the server
  int listener_ = -1;
  int port_ = 0;
  std::atomic<Fault> fault_{Fault::kNone};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace test
