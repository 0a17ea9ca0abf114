#include "checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

namespace checkpoint {
namespace {

Checkpoint Example() {
  Checkpoint made;
  made.release = "20261122-name";
  made.plan_digest = "sha256:aa";
  made.environment = "production";
  made.database = "shop \"one\"";
  made.database_oid = 4294967290;
  made.role = "the \"owner\"";
  made.time = base::ParseTime("2026-11-22T15:48:30.123456Z");
  made.point = {.name = "sb_1a2b3c4d_20261122154830123456",
                .lsn = backup::Lsn::Parse("16/B374D848"),
                .timeline = 3,
                .system_identifier = "7711051176659725366"};
  made.segment = "0000000300000016000000B3";
  made.backup_id = "20261122T154000Z-1f9c";
  made.scan_from = backup::Lsn::Parse("16/B0000028");
  made.publications = {"switchback_1a2b3c4d_k"};
  made.slot = "switchback_1a2b3c4d_1";
  made.parking = backup::Lsn::Parse("16/B3000000");
  made.tables = {{"public", "users.and.more"}};
  made.touched = {{"public.\"users.and.more\"", {{"columns", base::Json::array()}}}};
  made.content = {{{"public", "users.and.more"}, {.rows = 9007199254740993, .sha256 = "00ff"}}};
  made.abilities_off = {"nothing is off"};
  made.proof = Proof{.at = made.time,
                     .copy = std::chrono::milliseconds(1),
                     .recover = std::chrono::milliseconds(2),
                     .verify = std::chrono::milliseconds(3),
                     .contents = true};
  return made;
}

TEST(CheckpointTest, ComesBackAsItWas) {
  const Checkpoint made = Example();
  const base::Json json = ToJson(made);
  EXPECT_EQ(ToJson(FromJson(json)), json);
  EXPECT_EQ(FromJson(json).content, made.content);

  Checkpoint bare = Example();
  bare.point.name.clear();
  bare.slot.clear();
  bare.parking.reset();
  bare.content.reset();
  bare.proof.reset();
  EXPECT_EQ(ToJson(FromJson(ToJson(bare))), ToJson(bare));
  EXPECT_FALSE(FromJson(ToJson(bare)).content) << "not checked is not the same as no tables";
}

TEST(CheckpointTest, NoticesAnyChange) {
  const base::Json json = ToJson(Example());
  const auto code = [](const base::Json& changed) {
    try {
      FromJson(changed);
    } catch (const base::Error& error) {
      return error.code();
    }
    return base::Code::kInternal;
  };
  for (const auto& [key, value] : json.items()) {
    base::Json changed = json;
    changed[key] = key == "version" ? base::Json(99) : base::Json("x");
    EXPECT_EQ(code(changed), key == "version" ? base::Code::kBadJson : base::Code::kCheckpointBroken) << key;
    changed.erase(key);
    EXPECT_NE(code(changed), base::Code::kInternal) << key;
  }
  EXPECT_EQ(code(base::Json::array()), base::Code::kBadJson);
}

TEST(CheckpointTest, SaysThatThereIsNone) {
  const auto state = std::filesystem::temp_directory_path() / ("checkpoint-" + base::RandomHex(4));
  try {
    Load(state);
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kNoCheckpoint);
  }
  Write(state, Example());
  EXPECT_EQ(ToJson(Load(state)), ToJson(Example()));
  std::filesystem::remove_all(state);
}

}  // namespace
}  // namespace checkpoint
