#include "script.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "ledger.h"
#include "world.h"

namespace chaos {
namespace {

constexpr std::uint64_t kHistories = 300;

std::string Whole(std::uint64_t seed) {
  std::string text = DrawWorld(seed).change;
  const Script script = DrawScript(seed);
  for (const Line& line : script.lines) text += Text(line) + "\n";
  return text + Name(script.end);
}

TEST(Script, IsTheSameForTheSameSeed) {
  std::set<std::string> different;
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    EXPECT_EQ(Whole(seed), Whole(seed));
    different.insert(Whole(seed));
  }
  EXPECT_GT(different.size(), kHistories * 9 / 10);
}

// What is drawn is not yet done: a command may be refused, an accident may come too late.
TEST(Script, HasEachActAndEachAccidentOftenEnough) {
  std::map<std::string, int> counts;
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    const Script script = DrawScript(seed);
    for (const Line& line : script.lines) {
      ++counts[Name(line.act)];
      ++counts[Name(line.accident)];
    }
    ++counts[Name(script.end)];
  }
  for (int act = 0; act < kActs; ++act) {
    const Act each = static_cast<Act>(act);
    if (each == Act::kPurge || each == Act::kCutOver) continue;  // they belong to the end
    EXPECT_GE(counts[Name(each)], 30) << Name(each);
  }
  for (int accident = 1; accident < kAccidents; ++accident) {
    EXPECT_GE(counts[Name(static_cast<Accident>(accident))], 60) << Name(static_cast<Accident>(accident));
  }
  for (const End end : {End::kComplete, End::kStart, End::kCutOver}) EXPECT_GE(counts[Name(end)], 30) << Name(end);
}

TEST(World, HasEachKindOfChange) {
  std::set<Kind> kinds;
  int with_data = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const World world = DrawWorld(seed);
    with_data += world.data ? 1 : 0;
    for (const Table& table : world.tables) {
      for (const Column& column : table.columns) kinds.insert(column.kind);
    }
  }
  EXPECT_EQ(kinds.size(), 9U);
  EXPECT_GT(with_data, 5);
}

World OneColumn(Kind kind) {
  World world;
  world.tables = {{.name = "t",
                   .columns = {{.name = "c",
                                .before = kind == Kind::kAdded ? "" : "c",
                                .after = kind == Kind::kDropped ? "" : "d",
                                .kind = kind}},
                   .parent = {}}};
  return world;
}

Ledger::Change Write(const World& world, Version by, const Value& value) {
  return [&world, by, value](const State&) -> State {
    return std::map<std::string, Cell>{{"c", Written(world.tables[0].columns[0], by, value)}};
  };
}

TEST(Ledger, BothVersionsReadWhatEitherWrote) {
  const World world = OneColumn(Kind::kLossy);
  Ledger ledger(world);
  ledger.Acknowledge("t", 1, Write(world, Version::kOld, " W1 "));
  EXPECT_EQ(ledger.Observe(Version::kOld, "t", 1, Read{{{"c", " W1 "}}}), "");
  EXPECT_EQ(ledger.Observe(Version::kNew, "t", 1, Read{{{"d", "w1"}}}), "");
  EXPECT_NE(ledger.Observe(Version::kNew, "t", 1, Read{{{"d", " W1 "}}}), "");
  EXPECT_NE(ledger.Observe(Version::kOld, "t", 1, Read{}), "");
  ledger.Acknowledge("t", 1, Write(world, Version::kNew, "w2"));
  EXPECT_EQ(ledger.Observe(Version::kOld, "t", 1, Read{{{"c", "w2"}}}), "");
}

TEST(Ledger, AReadSettlesADoubt) {
  const World world = OneColumn(Kind::kRenamed);
  Ledger ledger(world);
  ledger.Acknowledge("t", 1, Write(world, Version::kOld, "a"));
  ledger.Doubt("t", 1, Write(world, Version::kOld, "b"));
  EXPECT_THAT(ledger.Open(Version::kNew), testing::SizeIs(1));
  EXPECT_NE(ledger.Observe(Version::kNew, "t", 1, Read{{{"d", "c"}}}), "");
  EXPECT_EQ(ledger.Observe(Version::kNew, "t", 1, Read{{{"d", "b"}}}), "");
  EXPECT_THAT(ledger.Open(Version::kNew), testing::IsEmpty());
  EXPECT_NE(ledger.Observe(Version::kOld, "t", 1, Read{{{"c", "a"}}}), "");
}

}  // namespace
}  // namespace chaos
