#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "base/error.h"
#include "pg/conninfo.h"
#include "pg/transaction.h"
#include "postgres_test.h"
#include "tcp_gate.h"

namespace pg {
namespace {

using base::Changed;
using base::Code;
using test::TcpGate;
using namespace std::chrono_literals;

class TransactionTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    Connect().Exec("CREATE TABLE public.t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  }

  int Rows() { return static_cast<int>(Connect().Exec("SELECT count(*) FROM public.t").Int(0, 0)); }

  // What Commit() of a transaction that wrote a row throws.
  static std::optional<base::Error> CommitOneRow(Connection& connection, const std::function<void()>& before_commit,
                                                 const std::string& witness = "") {
    Transaction transaction(connection);
    connection.Exec("INSERT INTO public.t VALUES (1)");
    before_commit();
    try {
      transaction.Commit(witness);
    } catch (const base::Error& error) {
      return error;
    }
    return std::nullopt;
  }
};

// Behind a gate, over TCP.
TEST_F(TransactionTest, OneThatIsIdleForTooLongIsEndedByTheServer) {
  auto connection = Connection::Open({.conninfo = url(), .idle_in_transaction = 100ms});
  Transaction transaction(connection);
  connection.Exec("LOCK TABLE public.t");
  // It is not there any more, and neither is its lock.
  Connect().Exec("SET lock_timeout = '60s'; SELECT * FROM public.t");
  try {
    transaction.Commit();
    FAIL() << "it was not ended";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), Code::kConnectionLost);
    EXPECT_EQ(error.sqlstate(), "25P03");
    EXPECT_NE(error.message().find("this process was stopped"), std::string::npos) << error.message();
  }
}

class CommitInDoubtTest : public TransactionTest {
 protected:
  void SetUp() override {
    TransactionTest::SetUp();
    auto options = ParseConninfo(url());
    gate_.emplace(url());
    options["host"] = "127.0.0.1";
    options["port"] = std::to_string(gate_->port());
    connection_.emplace(Connection::Open({.conninfo = FormatConninfo(options), .connect_timeout = 1s}));
  }

  std::optional<base::Error> CommitWith(TcpGate::Fault fault, const std::string& witness = "") {
    return CommitOneRow(
        *connection_, [&] { gate_->Arm(fault); }, witness);
  }

  std::optional<TcpGate> gate_;
  std::optional<Connection> connection_;
};

TEST_F(TransactionTest, WhatIsNotCommittedIsRolledBack) {
  auto connection = Connect();
  {
    Transaction transaction(connection);
    connection.Exec("INSERT INTO public.t VALUES (1)");
  }
  EXPECT_FALSE(connection.InTransaction());
  EXPECT_EQ(Rows(), 0);
  EXPECT_FALSE(CommitOneRow(connection, [] {}));
  EXPECT_EQ(Rows(), 1);
}

TEST_F(TransactionTest, IsolationAndAccessModeAreAsAsked) {
  auto connection = Connect();
  connection.Exec("SET default_transaction_read_only = on");
  {
    Transaction transaction(connection);
    EXPECT_EQ(connection.Exec("SHOW transaction_isolation").Text(0, 0), "read committed");
    EXPECT_EQ(connection.Exec("SHOW transaction_read_only").Text(0, 0), "off");
  }
  Transaction transaction(connection, Transaction::Isolation::kRepeatableRead, true);
  EXPECT_EQ(connection.Exec("SHOW transaction_isolation").Text(0, 0), "repeatable read");
  EXPECT_EQ(connection.Exec("SHOW transaction_read_only").Text(0, 0), "on");
}

TEST_F(TransactionTest, CommitThatTheServerRefusesChangesNothing) {
  auto connection = Connect();
  const auto deferred = CommitOneRow(connection, [&] { connection.Exec("INSERT INTO public.t VALUES (1)"); });
  ASSERT_TRUE(deferred);
  EXPECT_EQ(deferred->sqlstate(), "23505");
  EXPECT_EQ(deferred->target_changed(), Changed::kNo);

  // COMMIT of a failed transaction would answer ROLLBACK, without an error.
  const auto failed = CommitOneRow(connection, [&] { EXPECT_THROW(connection.Exec("SELECT 1/0"), base::Error); });
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->sqlstate(), "25P02");
  EXPECT_EQ(Rows(), 0);
  EXPECT_FALSE(connection.InTransaction());
}

TEST_F(CommitInDoubtTest, AnswerLostButCommitted) {
  EXPECT_FALSE(CommitWith(TcpGate::Fault::kLoseAnswer));
  EXPECT_EQ(Rows(), 1);
  EXPECT_TRUE(connection_->Broken());
}

TEST_F(CommitInDoubtTest, TheWitnessCountsMoreThanTheId) {
  EXPECT_FALSE(CommitWith(TcpGate::Fault::kLoseAnswer, "SELECT EXISTS (SELECT FROM public.t WHERE a = 1)"));
}

TEST_F(CommitInDoubtTest, AnIdOfSomebodyElseIsNoCommit) {
  const auto error = CommitWith(TcpGate::Fault::kLoseAnswer, "SELECT EXISTS (SELECT FROM public.t WHERE a = 2)");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kConnectionLost);
  EXPECT_EQ(error->target_changed(), Changed::kNo);
}

TEST_F(CommitInDoubtTest, RequestLostSoRolledBack) {
  const auto error = CommitWith(TcpGate::Fault::kLoseRequest);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kConnectionLost);
  EXPECT_EQ(error->target_changed(), Changed::kNo);
  EXPECT_EQ(Rows(), 0);
}

TEST_F(CommitInDoubtTest, NobodyKnows) {
  const auto error = CommitWith(TcpGate::Fault::kHideFate);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kCommitInDoubt);
  EXPECT_EQ(error->target_changed(), Changed::kUnknown);
}

TEST_F(CommitInDoubtTest, NoAnswerWithinTheDeadline) {
  connection_->SetStatementTimeout(100ms);
  EXPECT_FALSE(CommitWith(TcpGate::Fault::kSwallowAnswer));
  EXPECT_EQ(Rows(), 1);
  EXPECT_TRUE(connection_->Broken());
}

TEST_F(CommitInDoubtTest, NothingWrittenIsNoDoubt) {
  Transaction transaction(*connection_);
  connection_->Exec("SELECT 1");
  gate_->Arm(TcpGate::Fault::kLoseAnswer);
  try {
    transaction.Commit();
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), Code::kConnectionLost);
    EXPECT_EQ(error.target_changed(), Changed::kNo);
  }
}

}  // namespace
}  // namespace pg
