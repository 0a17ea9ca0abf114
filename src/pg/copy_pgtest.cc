#include <gmock/gmock.h>

#include "pg/copy.h"
#include "pg/quote.h"
#include "postgres_test.h"

namespace pg {
namespace {

class CopyTest : public test::PostgresTest {};

TEST_F(CopyTest, ValuesComeBackAsTheyWent) {
  auto connection = Connect();
  connection.Exec("CREATE TABLE public.t (id int, v text, list text[])");
  const std::vector<std::optional<std::string>> values = {"",     std::nullopt, "\\N", "a\tb\\\n\r\"{},",
                                                          "NULL", "\\",         "ü"};
  {
    CopyIn in(connection.options(), "COPY public.t FROM STDIN");
    for (std::size_t i = 0; i < values.size(); ++i) {
      in.Field(std::to_string(i)).Field(values[i]).Field(ArrayText(values));
      in.Row();
    }
    in.End();
  }
  // Rows of different width one after the other: the memory of fields is used again.
  CopyOut out(connection.options(),
              "COPY (SELECT v, list[id + 1], v IS NOT DISTINCT FROM list[id + 1] FROM public.t "
              "ORDER BY id) TO STDOUT");
  for (const auto& value : values) {
    const auto* fields = out.Next();
    ASSERT_NE(fields, nullptr);
    EXPECT_THAT(*fields, testing::ElementsAre(value, value, "t"));
  }
  EXPECT_EQ(out.Next(), nullptr);
}

TEST_F(CopyTest, KeepsNoTimeoutOfTheDatabase) {
  auto connection = Connect();
  const std::string database = connection.Query("SELECT current_database()").Text(0, 0);
  connection.Exec("ALTER DATABASE " + Ident(database) + " SET statement_timeout = '300ms'");
  CopyOut out(connection.options(), "COPY (SELECT pg_sleep(0.6)) TO STDOUT");
  EXPECT_NE(out.Next(), nullptr);
  EXPECT_EQ(out.Next(), nullptr);
}

}  // namespace
}  // namespace pg
