#include "journal/tag.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/digest.h"

namespace journal {
namespace {

TEST(TagTest, KnowsItsOwn) {
  const Tag said{.release = "20261122-name", .step = "migrate.2", .direction = "forward"};
  const std::string tag = MakeTag("secret", said);
  EXPECT_EQ(ReadTag("secret", tag), said);
  EXPECT_FALSE(ReadTag("other", tag));
  EXPECT_NE(tag, MakeTag("secret", said));
  const Tag odd{.release = "a name with - blanks"};
  EXPECT_EQ(ReadTag("secret", MakeTag("secret", odd)), odd);
  for (std::size_t at = 0; at < tag.size(); ++at) {
    std::string changed = tag;
    changed[at] = changed[at] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(ReadTag("secret", changed)) << at;
    EXPECT_FALSE(ReadTag("secret", tag.substr(0, at))) << at;
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

}  // namespace
}  // namespace journal
