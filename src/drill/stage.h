#pragma once

#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/process.h"
#include "pg/connection.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace drill {

// What all acts share: the workspace, a loaded shop database to copy servers from, the clock. All of it is gone when it
// is destroyed, unless kept; after a kill -9 the next drill removes it.
class Stage {
 public:
  explicit Stage(bool keep);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // A directory of the caller's in the workspace, made.
  std::filesystem::path Directory(const std::string& name);
  // A directory that the server account may write, made.
  std::filesystem::path ServerDirectory(const std::string& name);
  // A new server with the shop loaded, started.
  sandbox::Server NewServer(const std::string& act, const std::map<std::string, std::string>& settings);
  [[nodiscard]] const sandbox::Binaries& binaries() const { return binaries_; }
  [[nodiscard]] const std::optional<base::Account>& account() const { return account_; }
  [[nodiscard]] const std::filesystem::path& path() const { return workspace_.path(); }
  [[nodiscard]] sandbox::ServerOptions OptionsFor(const std::filesystem::path& data,
                                                  const std::map<std::string, std::string>& settings) const;

  // A line of progress for people, with the time since the beginning.
  template <typename... Args>
  void Say(fmt::format_string<Args...> format, Args&&... args) const {
    SayText(fmt::format(format, std::forward<Args>(args)...));
  }
  // Lets the applications work. Throws kInterrupted.
  static void Dwell(std::chrono::milliseconds time);
  [[nodiscard]] std::chrono::milliseconds Elapsed() const;

 private:
  void SayText(const std::string& text) const;
  void LoadShop();

  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  sandbox::Workspace workspace_;
  sandbox::Binaries binaries_;
  std::optional<base::Account> account_;
  std::filesystem::path loaded_;  // data directory of the stopped server that others are copied from
};

inline constexpr auto kShopDatabase = "shop";

// A connection of the drill's own, as superuser.
pg::Connection Inspect(const std::string& url);
// The connection string of the applications, by that of the server.
std::string ShopAddressOf(const std::string& url);

}  // namespace drill
