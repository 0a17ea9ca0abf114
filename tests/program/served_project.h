#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/process.h"
#include "pg/connection.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace test {

// A server of a test's own that archives as `switchback init` set it up, and a project for one of its databases.
class ServedProject {
 public:
  // Makes the database where it is not "postgres". `repository`: where backups go; default: beside the server.
  // `before_init` may write another switchback.yaml into the project.
  explicit ServedProject(
      const std::string& database = "postgres", std::filesystem::path repository = {},
      const std::function<void(const std::filesystem::path& project, const sandbox::Server& server)>& before_init = {});

  [[nodiscard]] const std::filesystem::path& path() const { return project_; }
  [[nodiscard]] const std::filesystem::path& repository() const { return repository_; }
  [[nodiscard]] sandbox::Server& server() { return *server_; }
  [[nodiscard]] std::string url() const { return server_->Url(database_); }
  [[nodiscard]] pg::Connection Connect() const { return ConnectTo(database_); }
  [[nodiscard]] pg::Connection ConnectTo(const std::string& database) const;
  void Restart();

  // releases/NAME with an owner and a window; its directory.
  std::filesystem::path MakeRelease(const std::string& name, const std::string& change);
  // What is there of the release in the state directory.
  [[nodiscard]] std::filesystem::path State(const std::string& name) const;

  // Runs a command in the project; for people, or with --json.
  base::Finished Say(const std::vector<std::string>& words, const std::map<std::string, std::string>& env = {}) const;
  base::Json On(const std::vector<std::string>& words, const std::map<std::string, std::string>& env = {}) const;

 private:
  sandbox::Workspace workspace_;
  std::string database_;
  std::filesystem::path project_;
  std::filesystem::path repository_;
  std::optional<sandbox::Server> server_;
};

// Columns (by name, not by place), constraints, indexes, triggers and functions of all schemas but the system's and
// switchback's own, a line each.
std::vector<std::string> SchemaLines(pg::Connection connection);

}  // namespace test
