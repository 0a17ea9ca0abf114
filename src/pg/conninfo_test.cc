#include "pg/conninfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "base/error.h"
#include "pg/connection.h"

namespace pg {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Conninfo, PasswordIsSeenInBothForms) {
  EXPECT_TRUE(HasPassword("postgresql://app:s3cret@db/shop"));
  EXPECT_TRUE(HasPassword("host=db password='s3cret'"));
  EXPECT_TRUE(HasPassword("postgresql://db/shop?password=s3cret"));
  EXPECT_TRUE(HasPassword("host=db sslpassword=s3cret"));
  EXPECT_FALSE(HasPassword("postgresql://app@db/shop"));
  EXPECT_FALSE(HasPassword(""));
}

TEST(Conninfo, RedactedNamesTheServerWithoutThePassword) {
  EXPECT_EQ(Redacted("postgresql://app:s3cret@db:6000/shop?sslmode=require"), "postgresql://app@db:6000/shop");
  EXPECT_EQ(Redacted("host=/run/pg port=6000 user=app password=s3cret dbname=shop"),
            "postgresql://app@/shop?host=/run/pg&port=6000");
  EXPECT_THAT(Redacted("host=db password=s3cret oops"), Not(HasSubstr("s3cret")));
}

TEST(Conninfo, ChildGetsThePasswordInItsEnvironmentOnly) {
  const auto child = ForChild("postgresql://app:it's%20%5C@db:6000/a%20b");
  EXPECT_THAT(child.conninfo, AllOf(HasSubstr("dbname='a b' host='db' options='"),
                                    HasSubstr("' port='6000' user='app'"), Not(HasSubstr("it's"))));
  ASSERT_EQ(child.env.size(), 1U);
  EXPECT_EQ(child.env[0].first, "PGPASSWORD");
  EXPECT_EQ(child.env[0].second, "it's \\");
  EXPECT_TRUE(ForChild("host=db").env.empty());
}

TEST(Conninfo, AnotherDatabaseKeepsEverythingElse) {
  const auto options =
      ParseConninfo(WithDatabase("postgresql://app:s3cret@db:6000/shop?sslmode=require", "o'x\\ =\"ü"));
  const std::map<std::string, std::string> expected = {{"dbname", "o'x\\ =\"ü"}, {"host", "db"},
                                                       {"password", "s3cret"},   {"port", "6000"},
                                                       {"sslmode", "require"},   {"user", "app"}};
  EXPECT_EQ(options, expected);
}

TEST(Conninfo, NoDatabaseIsGuessed) {
  std::map<std::string, std::string> before;
  for (const char* name : {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"}) {
    if (const char* value = std::getenv(name); value != nullptr) before[name] = value;
    ::unsetenv(name);
  }
  try {
    Connection::Open({.conninfo = ""});
    ADD_FAILURE() << "connected to something";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kNoDatabase);
  }
  for (const auto& [name, value] : before) ::setenv(name.c_str(), value.c_str(), 1);
}

// Each of these strings has the password "s3cret" somewhere that libpq takes for something else.
class TornPassword : public testing::TestWithParam<std::string> {};

TEST_P(TornPassword, IsNotShown) {
  try {
    ParseConninfo(GetParam());
    FAIL() << "understood: " << GetParam();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kBadConnectionString);
    EXPECT_THAT(error.Text(), Not(HasSubstr("s3cret")));
    EXPECT_THAT(error.ToJson().dump(), Not(HasSubstr("s3cret")));
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, TornPassword,
                         testing::Values("postgresql://app:x@s3cret@db/shop", "postgresql://app:s3cret/x@db/shop",
                                         "postgresql://app:s3cret%zz@db/shop", "host=db password=x s3cret",
                                         "host=db s3cret=1", "host=db password='s3cret"));

}  // namespace
}  // namespace pg
