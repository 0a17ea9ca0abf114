#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <set>

#include "base/codes.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "base/signature.h"
#include "base/text.h"
#include "base/time.h"

namespace base {
namespace {

using std::chrono::milliseconds;

TEST(Codes, EachHasItsSentences) {
  std::set<std::string_view> names;
  for (const CodeInfo& info : AllCodes()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_TRUE(info.meaning.ends_with('.') && info.remedy.ends_with('.')) << info.name;
    EXPECT_EQ(&InfoOf(info.code), &info);
    EXPECT_EQ(CodeText(info.code).size(), 6U);
  }
  EXPECT_EQ(CodeText(Code::kFileRead), "SB1002");
}

TEST(ErrorTest, TextAndJsonSayTheSame) {
  Error error = Error(Code::kStatementFailed, "cannot run step 3")
                    .Detail("relation \"a\" does not exist\nsecond line")
                    .At("change.sql", 4, 7)
                    .Sqlstate("42P01")
                    .Statement("DROP TABLE a")
                    .TargetChanged(Changed::kUnknown)
                    .Hint("Create it.");
  error.Context("while expanding 20260101-a");
  EXPECT_EQ(error.Text(),
            "error SB2004: cannot run step 3\n"
            "  at change.sql:4:7\n"
            "  detail: relation \"a\" does not exist\n"
            "          second line\n"
            "  SQLSTATE: 42P01\n"
            "  statement: DROP TABLE a\n"
            "  while expanding 20260101-a\n"
            "  whether the target database was changed is not known\n"
            "  hint: Create it.");
  EXPECT_EQ(error.ToJson(), (Json{{"code", "SB2004"},
                                  {"message", "cannot run step 3"},
                                  {"detail", "relation \"a\" does not exist\nsecond line"},
                                  {"hint", "Create it."},
                                  {"at", {{"file", "change.sql"}, {"line", 4}, {"column", 7}}},
                                  {"sqlstate", "42P01"},
                                  {"statement", "DROP TABLE a"},
                                  {"context", {"while expanding 20260101-a"}},
                                  {"retryable", false},
                                  {"target_changed", "unknown"}}));
}

TEST(ErrorTest, RetryableOnlyWhereNothingChanged) {
  EXPECT_TRUE(Error(Code::kLockTimeout, "a").Retryable());
  EXPECT_FALSE(Error(Code::kLockTimeout, "a").TargetChanged(Changed::kYes).Retryable());
  EXPECT_FALSE(Error(Code::kUsage, "a").Retryable());
  EXPECT_EQ(Error(Code::kUsage, "a").hint(), InfoOf(Code::kUsage).remedy);
}

TEST(Signature, IsVerifiedByItsOwnKeyAlone) {
  const std::string key = PublicKeyOf("secret");
  const std::string signature = Sign("secret", "text");
  EXPECT_EQ(key.size(), 64U);
  EXPECT_TRUE(Verifies(key, "text", signature));
  EXPECT_FALSE(Verifies(key, "texts", signature));
  EXPECT_FALSE(Verifies(PublicKeyOf("other"), "text", signature));
  for (std::size_t at = 0; at < signature.size(); at += 7) {
    std::string changed = signature;
    changed[at] = changed[at] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(Verifies(key, "text", changed)) << at;
    EXPECT_FALSE(Verifies(key, "text", signature.substr(0, at))) << at;
  }
  EXPECT_FALSE(Verifies("", "text", signature));
  EXPECT_FALSE(Verifies(std::string(64, 'x'), "text", signature));
}

TEST(Digest, KnownAnswers) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, test case 2.
  EXPECT_EQ(HmacSha256Hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(RandomHex(16).size(), 32U);
  EXPECT_NE(RandomHex(16), RandomHex(16));
}

TEST(Digest, OfAFileIsThatOfItsContent) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / ("switchback-test-" + RandomHex(8));
  for (const std::size_t size : {0, 1, 65536, 200'000}) {
    const std::string content(size, 'x');
    WriteFile(path, content);
    EXPECT_EQ(Sha256HexOfFile(path), Sha256Hex(content)) << size;
  }
  std::filesystem::remove(path);
  EXPECT_THROW(Sha256HexOfFile(path), Error);
  EXPECT_THROW(Sha256HexOfFile("/"), Error);
}

TEST(TimeTest, FormatsAndReadsBack) {
  const Time time = ParseTime("2026-02-28T15:48:30.000456Z");
  EXPECT_EQ(time.time_since_epoch(), std::chrono::microseconds(1772293710000456));
  EXPECT_EQ(FormatTime(time), "2026-02-28T15:48:30.000456Z");
  EXPECT_EQ(FormatTime(Time() - std::chrono::microseconds(1)), "1969-12-31T23:59:59.999999Z");
  for (const char* bad :
       {"", "2026-02-30T00:00:00.000000Z", "2026-02-28T24:00:00.000000Z", "2026-02-28 15:48:30.000456Z",
        "2026-02-28T15:48:30Z", "2026-02-28T15:48:30.000456+", "+026-02-28T15:48:30.000456Z"}) {
    EXPECT_THROW(ParseTime(bad), Error) << bad;
  }
}

TEST(Duration, ReadsOneNumberAndUnit) {
  EXPECT_EQ(ParseDuration("200ms"), milliseconds(200));
  EXPECT_EQ(ParseDuration("30s"), milliseconds(30'000));
  EXPECT_EQ(ParseDuration("15m"), milliseconds(900'000));
  EXPECT_EQ(ParseDuration("24h"), milliseconds(86'400'000));
  EXPECT_EQ(ParseDuration("7d"), milliseconds(604'800'000));
  for (const char* bad : {"", "s", "10", "-5s", "1.5h", "1h30m", "5 s", "9999999999999d", "5S"}) {
    EXPECT_THROW(ParseDuration(bad), Error) << bad;
  }
}

TEST(Duration, IsShortForPeople) {
  EXPECT_EQ(FormatDuration(milliseconds(340)), "340 ms");
  EXPECT_EQ(FormatDuration(milliseconds(1'234)), "1.2 s");
  EXPECT_EQ(FormatDuration(milliseconds(30'000)), "30 s");
  EXPECT_EQ(FormatDuration(milliseconds(59'960)), "1 min");
  EXPECT_EQ(FormatDuration(milliseconds(200'000)), "3 min 20 s");
  EXPECT_EQ(FormatDuration(milliseconds(7'500'000)), "2 h 5 min");
  EXPECT_EQ(FormatDuration(std::chrono::hours(76)), "3 d 4 h");
}

class FailpointTest : public testing::Test {
 protected:
  ~FailpointTest() override { ArmFailpoint(""); }
};

TEST_F(FailpointTest, ErrorComesOnceFromTheNthPassingOn) {
  ArmFailpoint("run.before_commit@2=error");
  Failpoint(FailpointId::kStepBeforeIntent);
  Failpoint(FailpointId::kStepBeforeCommit);
  try {
    Failpoint(FailpointId::kStepBeforeCommit);
    FAIL() << "it must throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kFailpointError);
  }
  EXPECT_NO_THROW(Failpoint(FailpointId::kStepBeforeCommit));
}

TEST_F(FailpointTest, EnvironmentArmsAndKills) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("SWITCHBACK_FAILPOINT", "backfill.batch=kill", 1);
        Failpoint(FailpointId::kStepBeforeIntent);
        Failpoint(FailpointId::kBackfillBatch);
      },
      testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FailpointTest, WrongOnesAreRefused) {
  for (const char* bad : {"run.before_commit", "run.no_such=kill", "run.before_commit=explode",
                          "run.before_commit@0=kill", "run.before_commit@x=kill"}) {
    EXPECT_THROW(ArmFailpoint(bad), Error) << bad;
  }
}

TEST(Log, ATerminalIsSentNoCommands) {
  EXPECT_EQ(Printable("a\tb\n\xc3\xa4 \x1b[31m\r\a \x7f \xc2\x9b 1"), "a\tb\n\xc3\xa4 ?[31m?? ? ? 1");
  EXPECT_EQ(Printable("\xc2 \xff \xed\xa0\x80 \xe0\x80\xaf"), "? ? ??? ???") << "not UTF-8";
  EXPECT_EQ(Printable("a\u202Eb\u2066c\u2028d\uFEFF\u200B e\u200Df"), "a?b?c?d?? e\u200Df");
  EXPECT_EQ(OneLine("t\nnext: drop\t\u202E\xc3"), "t\\nnext: drop\\t??");
}

TEST(Text, IsCutBetweenCharacters) {
  EXPECT_TRUE(IsUtf8("a\u00e4\U0001F600"));
  EXPECT_FALSE(IsUtf8("a\xc3"));
  EXPECT_FALSE(IsUtf8("\xf4\x90\x80\x80"));
  EXPECT_EQ(Excerpt("a\u00e4b", 2), "a");
  EXPECT_EQ(Excerpt("a\u00e4b", 3), "a\u00e4");
  EXPECT_EQ(Excerpt("a\xffz\n", 9), "a?z\n");
}

TEST(Log, GoesToStderrAsItIs) {
  testing::internal::CaptureStderr();
  LogMessage(LogLevel::kDebug, "hidden");
  Info("restored {} of {}", 1, "{braces}");
  Warn("careful");
  SetLogLevel(LogLevel::kWarning);
  Info("hidden too");
  SetLogLevel(LogLevel::kInfo);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "switchback: restored 1 of {braces}\nswitchback: warning: careful\n");
}

}  // namespace
}  // namespace base
