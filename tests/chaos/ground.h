#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/process.h"
#include "pg/connection.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"
#include "world.h"

namespace chaos {

using Words = std::vector<std::string>;
constexpr const char* kFirst = "first";
constexpr const char* kSecond = "second";

// How a command of the program ended.
struct Ended {
  Words words;
  int exit = 0;
  base::Json envelope = base::Json::object();  // empty where it could not print one
  std::string said;                            // on stderr
  bool met = false;                            // an accident

  // What it says that is next; "" where it says nothing.
  [[nodiscard]] std::string Next() const;
  [[nodiscard]] std::string Text() const;
};

// A command that runs.
class Running {
 public:
  Running(Words words, base::Child child, std::filesystem::path output)
      : words_(std::move(words)), child_(std::move(child)), output_(std::move(output)) {}
  base::Child& child() { return child_; }
  // Its end; one that does not end is killed, and ended with -1.
  Ended Wait();

 private:
  Words words_;
  base::Child child_;
  std::filesystem::path output_;
};

// A server of one history that archives, a project with two releases, and the program. All of it is gone with it,
// unless it is kept.
class Ground {
 public:
  explicit Ground(const World& world);

  [[nodiscard]] Running Start(const Words& words);
  Ended Run(const Words& words) { return Start(words).Wait(); }

  [[nodiscard]] std::string url() const { return server_->Url("shop"); }
  [[nodiscard]] pg::Connection Connect() const {
    return pg::Connection::Open({.conninfo = url(), .application_name = "chaos"});
  }
  sandbox::Server& server() { return *server_; }
  [[nodiscard]] std::filesystem::path State(const std::string& release) const;
  [[nodiscard]] std::filesystem::path project() const { return root() / "project"; }
  [[nodiscard]] std::filesystem::path temporary() const { return root() / "tmp"; }
  [[nodiscard]] std::filesystem::path repository() const { return root() / "backups/repository"; }
  [[nodiscard]] const std::filesystem::path& root() const { return workspace_.path(); }
  void Keep() { workspace_.Keep(); }

 private:
  void MakeProject(const World& world);

  sandbox::Workspace workspace_{"chaos"};
  std::optional<sandbox::Server> server_;
  int commands_ = 0;
};

// Columns (by name), constraints, indexes and triggers of the applications' tables, a line each, without what is
// retired.
std::vector<std::string> SchemaOf(pg::Connection& connection);
// "": they are equal.
std::string Differ(const std::vector<std::string>& expected, const std::vector<std::string>& found);

}  // namespace chaos
