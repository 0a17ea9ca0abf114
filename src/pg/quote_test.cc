#include "pg/quote.h"

#include <gtest/gtest.h>

namespace pg {
namespace {

TEST(Quote, IdentifiersAreAlwaysQuoted) {
  EXPECT_EQ(Ident("user"), "\"user\"");
  EXPECT_EQ(Ident("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(Ident("S", "t"), "\"S\".\"t\"");
  EXPECT_EQ(IdentList({"a", "B c"}), "\"a\", \"B c\"");
}

TEST(Quote, LiteralsWithBackslashesUseTheEscapeForm) {
  EXPECT_EQ(Literal("it's"), "'it''s'");
  EXPECT_EQ(Literal("a\\'b"), " E'a\\\\''b'");
}

TEST(Quote, DollarTagDoesNotOccurInTheBody) {
  EXPECT_EQ(DollarQuote("x"), "$sb$x$sb$");
  EXPECT_EQ(DollarQuote("a $sb$ b"), "$sb1$a $sb$ b$sb1$");
  EXPECT_EQ(DollarQuote("ends in $sb"), "$sb1$ends in $sb$sb1$");
}

TEST(Quote, TextForPeopleQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ((QualifiedName{"public", "orders_2"}.Text()), "public.orders_2");
  EXPECT_EQ((QualifiedName{"My Shop", "o\"x"}.Text()), "\"My Shop\".\"o\"\"x\"");
}

}  // namespace
}  // namespace pg
