#pragma once

#include "journal/mirror.h"
#include "postgres_test.h"
#include "statements.h"

namespace compile {

// A database with the start in it, and schema `switchback`, to which nobody is connected.
class ChangeTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    auto connection = Connect();
    connection.Exec(kStart);
    journal::InstallSchema(connection);
  }
};

}  // namespace compile
