#include "stream/pgoutput.h"

#include <gmock/gmock.h>

#include <functional>

#include "base/error.h"
#include "stream/bytes.h"
#include "stream/entry.h"

namespace stream {
namespace {

using namespace std::string_literals;

// A message by its parts: numbers by their width, texts as they stand.
class Made {
 public:
  explicit Made(char kind) { text_ += kind; }
  Made& Byte(int value) { return Number(static_cast<std::uint8_t>(value)); }
  Made& Two(int value) { return Number(static_cast<std::uint16_t>(value)); }
  Made& Four(std::uint32_t value) { return Number(value); }
  Made& Eight(std::uint64_t value) { return Number(value); }
  Made& Text(const std::string& text) {
    text_ += text;
    return *this;
  }
  Made& Name(const std::string& name) { return Text(name + "\0"s); }
  Made& Value(const std::string& text) { return Byte('t').Four(static_cast<std::uint32_t>(text.size())).Text(text); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  template <typename Value>
  Made& Number(Value value) {
    Put(text_, value);
    return *this;
  }
  std::string text_;
};

template <typename Kind>
Kind DecodeAs(const Made& made) {
  return std::get<Kind>(Decode(made.text()));
}

std::vector<Made> OneOfEach() {
  return {
      Made('B').Eight(0x1'0000'0002).Eight(5).Four(777),
      Made('C').Byte(0).Eight(0x10).Eight(0x20).Eight(6),
      Made('O').Eight(9).Name("elsewhere"),
      Made('R')
          .Four(16400)
          .Name("")
          .Name("t\"ü")
          .Byte('d')
          .Two(2)
          .Byte(1)
          .Name("id")
          .Four(23)
          .Four(~0U)
          .Byte(0)
          .Name("v")
          .Four(25)
          .Four(7),
      Made('Y').Four(16500).Name("public").Name("mood"),
      Made('I').Four(16400).Byte('N').Two(2).Value("1").Byte('n'),
      Made('U').Four(16400).Byte('N').Two(2).Value("1").Byte('u'),
      Made('U').Four(16400).Byte('K').Two(2).Value("1").Byte('n').Byte('N').Two(2).Value("2").Value(""),
      Made('U').Four(16400).Byte('O').Two(1).Value("a\0b"s).Byte('N').Two(1).Value("b"),
      Made('D').Four(16400).Byte('K').Two(1).Value("1"),
      Made('T').Four(2).Byte(3).Four(1).Four(2),
      Made('M').Byte(1).Eight(0x30).Name("switchback").Four(4).Text("v1 x"),
  };
}

TEST(Pgoutput, ReadsEachKindOfMessage) {
  const std::vector<Made> made = OneOfEach();
  const auto begin = DecodeAs<Begin>(made[0]);
  EXPECT_EQ(begin.commit.Text(), "1/2");
  EXPECT_EQ(begin.time, 5);
  EXPECT_EQ(begin.xid, 777U);
  EXPECT_EQ(DecodeAs<Commit>(made[1]).end.value, 0x20U);
  EXPECT_EQ(DecodeAs<Origin>(made[2]).name, "elsewhere");
  const auto relation = DecodeAs<Relation>(made[3]);
  EXPECT_EQ(relation.name.Text(), "pg_catalog.\"t\"\"ü\"");
  ASSERT_EQ(relation.columns.size(), 2U);
  EXPECT_TRUE(relation.columns[0].key);
  EXPECT_EQ(relation.columns[0].modifier, -1);
  EXPECT_FALSE(relation.columns[1].key);
  EXPECT_EQ(relation.columns[1].modifier, 7);
  EXPECT_EQ(DecodeAs<Type>(made[4]).name.name, "mood");
  const auto insert = DecodeAs<Insert>(made[5]);
  EXPECT_EQ(insert.row[0].text, "1");
  EXPECT_EQ(insert.row[1].kind, Value::Kind::kNull);
  const auto update = DecodeAs<Update>(made[6]);
  EXPECT_FALSE(update.old);
  EXPECT_EQ(update.row[1].kind, Value::Kind::kUnchanged);
  const auto moved = DecodeAs<Update>(made[7]);
  EXPECT_FALSE(moved.old_is_row);
  EXPECT_EQ((*moved.old)[0].text, "1");
  EXPECT_EQ(moved.row[1].kind, Value::Kind::kText) << "an empty text is not NULL";
  const auto whole = DecodeAs<Update>(made[8]);
  EXPECT_TRUE(whole.old_is_row);
  EXPECT_EQ((*whole.old)[0].text, "a\0b"s);
  EXPECT_EQ(DecodeAs<Delete>(made[9]).old[0].text, "1");
  const auto truncate = DecodeAs<Truncate>(made[10]);
  EXPECT_EQ(truncate.relations, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_TRUE(truncate.cascade && truncate.restart_identity);
  const auto emitted = DecodeAs<Emitted>(made[11]);
  EXPECT_TRUE(emitted.transactional);
  EXPECT_EQ(emitted.content, "v1 x");
  EXPECT_EQ(RelationOf(made[9].text()), 16400U);
  EXPECT_EQ(RelationOf(made[3].text()), std::nullopt);
}

TEST(Pgoutput, RefusesWhatIsShorterOrLongerThanItSays) {
  const auto refused = [](const std::string& text) {
    try {
      Decode(text);
    } catch (const base::Error& error) {
      return error.code() == base::Code::kStreamMalformed;
    }
    return false;
  };
  for (const Made& made : OneOfEach()) {
    for (std::size_t size = 0; size < made.text().size(); ++size) {
      EXPECT_TRUE(refused(made.text().substr(0, size))) << made.text()[0] << " cut to " << size;
    }
    EXPECT_TRUE(refused(made.text() + "x")) << made.text()[0];
  }
  EXPECT_TRUE(refused(Made('I').Four(1).Byte('N').Two(0xFFFF).Value("1").text())) << "more columns than bytes";
  EXPECT_TRUE(refused(Made('I').Four(1).Byte('N').Two(1).Byte('t').Four(0xFFFFFFFF).text())) << "longer than all";
  EXPECT_TRUE(refused(Made('I').Four(1).Byte('N').Two(1).Byte('b').Four(1).Text("x").text())) << "binary";
  EXPECT_TRUE(refused(Made('T').Four(0xFFFFFFFF).Byte(0).Four(1).text()));
  EXPECT_TRUE(refused(Made('S').Four(1).Byte(1).text())) << "a streamed transaction, of protocol 2";
}

TEST(Entry, ComesBackAsItWas) {
  Entry entry{
      .offset = 1ULL << 40,
      .bytes = 7,
      .commit = {0x1'2345'6789},
      .end = {0x1'2345'6799},
      .time = -5,
      .xid = 0xFFFFFFFE,
      .changes = 3,
      .origin = "o",
      .marks = 2,
      .mark = {true, "v1 a"},
      .writes = {{.relation = 16400, .described_at = 5, .inserted = 1, .updated = 2, .deleted = 0, .truncated = true}}};
  const std::string text = Encode(entry);
  const Entry back = DecodeEntry(text);
  EXPECT_EQ(Encode(back), text);
  EXPECT_EQ(back.offset, entry.offset);
  EXPECT_EQ(back.commit, entry.commit);
  EXPECT_EQ(back.time, -5);
  EXPECT_EQ(back.mark.content, "v1 a");
  EXPECT_TRUE(back.mark.first);
  EXPECT_EQ(back.writes[0].updated, 2);
  EXPECT_TRUE(back.writes[0].truncated);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_THROW(DecodeEntry(text.substr(0, size)), base::Error) << size;
  }
}

}  // namespace
}  // namespace stream
