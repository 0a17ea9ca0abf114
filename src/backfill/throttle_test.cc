#include "backfill/throttle.h"

#include <gtest/gtest.h>

namespace backfill {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string Why(const release::Throttle& limits, const Facts& facts) {
  const auto reason = Throttled(limits, facts);
  return reason ? reason->fact : "";
}

// At its limit a fact is fine, beyond it is not, and with the limit off it never matters.
template <typename Fact, typename Limit>
void Check(const std::string& name, std::optional<Fact> Facts::*fact, std::optional<Limit> release::Throttle::*limit,
           Limit at, Fact beyond) {
  release::Throttle limits;
  limits.*limit = at;
  Facts facts;
  EXPECT_EQ(Why(limits, facts), "") << name;
  facts.*fact = Fact(at);
  EXPECT_EQ(Why(limits, facts), "") << name;
  facts.*fact = beyond;
  EXPECT_EQ(Why(limits, facts), name);
  (limits.*limit).reset();
  EXPECT_EQ(Why(limits, facts), "") << name;
}

TEST(Throttle, EachFactHasItsLimit) {
  using std::int64_t;
  Check("replica_lag_bytes", &Facts::replica_lag_bytes, &release::Throttle::replica_lag_bytes, int64_t{100},
        int64_t{101});
  Check("replica_lag", &Facts::replica_lag, &release::Throttle::replica_lag, milliseconds(seconds(5)),
        milliseconds(5001));
  Check("archive_backlog", &Facts::archive_backlog, &release::Throttle::archive_backlog, int64_t{3}, int64_t{4});
  Check("slot_retained", &Facts::slot_retained, &release::Throttle::slot_retained, int64_t{100}, int64_t{101});
  Check("slot_room", &Facts::slot_room, &release::Throttle::slot_room, int64_t{100}, int64_t{99});
  Check("lock_waiters", &Facts::lock_waiters, &release::Throttle::lock_waiters, int64_t{0}, int64_t{1});
  Check("oldest_transaction", &Facts::oldest_transaction, &release::Throttle::oldest_transaction,
        milliseconds(seconds(60)), milliseconds(60'001));
  Check("free_disk", &Facts::free_disk, &release::Throttle::free_disk, int64_t{100}, int64_t{99});
  Check("latency", &Facts::latency, &release::Throttle::latency, milliseconds(20), milliseconds(21));
}

TEST(Throttle, APersonComesFirst) {
  Facts facts;
  facts.asked_by = "ada@host";
  facts.lock_waiters = 7;
  const auto reason = Throttled({}, facts);
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->fact, "pause");
  EXPECT_EQ(reason->text, "ada@host asked for a pause");
}

TEST(Throttle, DeadRowsAskForAVacuumByName) {
  Facts facts;
  facts.growth = Facts::Leaf{"public.orders", 500, 1000, true};
  EXPECT_EQ(Why({}, facts), "");
  facts.growth->dead = 501;
  const auto reason = Throttled({}, facts);
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->fact, "table_growth");
  EXPECT_NE(reason->text.find("autovacuum removes them, or VACUUM public.orders"), std::string::npos) << reason->text;
  facts.growth->holder = "the replication slot far";
  EXPECT_NE(Throttled({}, facts)->text.find("the replication slot far has the oldest view"), std::string::npos);
  facts.growth->autovacuum = false;
  EXPECT_NE(Throttled({}, facts)->text.find("autovacuum is off"), std::string::npos);
}

}  // namespace
}  // namespace backfill
