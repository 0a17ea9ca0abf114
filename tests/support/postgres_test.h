#pragma once

#include <gtest/gtest.h>

#include <string>

#include "pg/connection.h"

namespace test {

// A test with a database of its own on the server that the ctest fixture `postgres` started for this run (superuser
// `postgres`, wal_level logical, no archiving). Tests that stop, crash, archive or restore start a server of their own
// with sandbox::Server.
class PostgresTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  // Connection string of this test's database.
  [[nodiscard]] const std::string& url() const { return url_; }
  // A new connection to it.
  [[nodiscard]] pg::Connection Connect(const std::string& application_name = "test") const;

 private:
  std::string url_;
  std::string database_;
};

}  // namespace test
