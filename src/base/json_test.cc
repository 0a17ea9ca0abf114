#include "base/json.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace base {
namespace {

TEST(Canonical, FollowsRfc8785) {
  // The example of RFC 8785, section 3.2.3: order by UTF-16 code units.
  const Json value = ParseJson(
      R"({"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
          "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"})",
      "test");
  EXPECT_EQ(
      Canonical(value),
      "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\","
      "\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}");
}

TEST(Canonical, EscapesOnlyWhatItMust) {
  EXPECT_EQ(Canonical(std::string("\x00\x1f\b\t\n\f\r\"\\/\x7f é", 14)),
            "\"\\u0000\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\x7f é\"");
}

TEST(Canonical, NestsWithoutSpaces) {
  EXPECT_EQ(Canonical({{"b", {1, -2, nullptr, true}}, {"a", Json::object()}}), R"({"a":{},"b":[1,-2,null,true]})");
}

TEST(Canonical, RefusesNumbersThatReadersDisagreeOn) {
  EXPECT_EQ(Canonical(9007199254740991), "9007199254740991");
  EXPECT_EQ(Canonical(-9007199254740991), "-9007199254740991");
  EXPECT_THROW(Canonical(9007199254740992), Error);
  EXPECT_THROW(Canonical(-9007199254740992), Error);
  EXPECT_THROW(Canonical(18446744073709551615U), Error);
  EXPECT_THROW(Canonical({{"a", {1.5}}}), Error);
  EXPECT_THROW(Canonical("\xff"), Error);
}

std::string DetailOf(std::string_view text) {
  try {
    ParseJson(text, "plan.lock.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kBadJson);
    EXPECT_EQ(error.message(), "cannot understand plan.lock.json");
    return error.detail();
  }
  return "";
}

TEST(ParseJson, NamesOriginAndByte) {
  EXPECT_NE(DetailOf(R"({"a": x})").find("at byte 7"), std::string::npos);
  EXPECT_NE(DetailOf(""), "");
  EXPECT_NE(DetailOf("{} {}"), "");
}

TEST(ParseJson, RefusesDoubleNamesAndDepth) {
  EXPECT_EQ(DetailOf(R"({"a": {"b": 1}, "b": {"b": 2, "b": 3}})"), "name \"b\" stands twice in one object");
  EXPECT_EQ(DetailOf(R"({"a": {"b": 1}, "b": [{"b": 2}, {"b": 3}]})"), "");
  EXPECT_EQ(DetailOf(std::string(100'000, '[')), "it is nested too deeply");
}

}  // namespace
}  // namespace base
