#include "journal/tag.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/signature.h"

namespace journal {
namespace {

TEST(TagTest, KnowsItsOwn) {
  const Tag said{.release = "20261122-name", .step = "migrate.2", .direction = "forward"};
  const std::string tag = MakeTag("secret", said);
  const Keys keys = {base::PublicKeyOf("secret"), base::PublicKeyOf("a"), base::PublicKeyOf("b")};
  EXPECT_EQ(ReadTag(keys, tag), said);
  EXPECT_FALSE(ReadTag({}, tag));
  EXPECT_FALSE(ReadTag({base::PublicKeyOf("other")}, tag));
  EXPECT_NE(tag, MakeTag("secret", said));
  const Tag odd{.release = "a name with - blanks"};
  EXPECT_EQ(ReadTag(keys, MakeTag("secret", odd)), odd);
  for (std::size_t at = 0; at < tag.size(); ++at) {
    std::string changed = tag;
    changed[at] = changed[at] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(ReadTag(keys, changed)) << at;
    EXPECT_FALSE(ReadTag(keys, tag.substr(0, at))) << at;
  }
}

TEST(TagTest, KeepsItsSecret) {
  const auto state = std::filesystem::temp_directory_path() / ("tag-" + base::RandomHex(4));
  const std::string secret = RunSecret(state);
  EXPECT_EQ(secret.size(), 64U);
  EXPECT_EQ(RunSecret(state), secret);
  struct stat facts {};
  ASSERT_EQ(stat((state / "run.secret").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  std::filesystem::remove_all(state);
}

TEST(TagTest, KnowsTheRunnersThatWereKept) {
  const auto state = std::filesystem::temp_directory_path() / ("tags-" + base::RandomHex(4)) / "r";
  const Keys own = KeysOf(state);
  EXPECT_EQ(own, Keys{base::PublicKeyOf(RunSecret(state))});
  const Keys beside = KeysOf(state.parent_path() / "other");
  EXPECT_EQ(beside.size(), 2U) << "a release beside it is known";
  KeepKeys(state, {base::PublicKeyOf("of another checkout")});
  EXPECT_EQ(KeysOf(state).count(base::PublicKeyOf("of another checkout")), 1U);
  KeepKeys(state, {});
  EXPECT_EQ(KeysOf(state).size(), 3U) << "a database without keys takes none away";
  std::filesystem::remove_all(state.parent_path());
}

}  // namespace
}  // namespace journal
