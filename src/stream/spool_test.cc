#include "stream/spool.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/power_cut.h"
#include "base/signature.h"
#include "stream/bytes.h"
#include "stream/reader.h"

namespace stream {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using testing::ElementsAre;

const std::string kSlot = "switchback_1a2b3c4d_1";
const std::string kSecret = "secret";

class SpoolTest : public testing::Test {
 protected:
  void SetUp() override { state_ = fs::temp_directory_path() / ("spool-" + base::RandomHex(6)); }
  void TearDown() override { fs::remove_all(state_); }

  // public.t(id, v)
  static std::string Described() {
    return "R\0\0\x40\x10public\0t\0d\0\2\1id\0\0\0\0\x17\xff\xff\xff\xff\0v\0\0\0\0\x19\xff\xff\xff\xff"s;
  }
  static std::string Inserted(char id) { return "I\0\0\x40\x10N\0\2t\0\0\0\1"s + id + "n"s; }

  // A transaction that inserts one row.
  static void AddOne(Spool& spool, std::uint64_t commit, const std::string& mark = "") {
    Entry entry{.offset = spool.End(), .commit = {commit}, .end = {commit + 8}, .xid = 7, .changes = 1};
    if (!mark.empty()) entry.marks = 1, entry.mark = {true, mark};
    entry.writes.push_back({.relation = 16400, .described_at = spool.End(), .inserted = 1});
    spool.Add(Described());
    spool.Add(Inserted(static_cast<char>('0' + commit % 10)));
    entry.bytes = spool.End() - entry.offset;
    spool.Close(entry);
  }

  [[nodiscard]] std::vector<std::uint64_t> Commits() const {
    std::vector<std::uint64_t> commits;
    Reader reader(state_, kSlot, {"r", {base::PublicKeyOf(kSecret)}});
    while (const auto transaction = reader.Next()) commits.push_back(transaction->commit.value);
    return commits;
  }
  [[nodiscard]] fs::path Directory() const { return SpoolDirectory(state_, kSlot); }

  fs::path state_;
};

TEST_F(SpoolTest, KeepsWhatWasMadeSafeAndCutsTheRestOff) {
  EXPECT_FALSE(Reader(state_, kSlot, {"r", {base::PublicKeyOf(kSecret)}}).place());
  {
    auto spool = Spool::Open(state_, kSlot);
    EXPECT_THROW(Spool::Open(state_, kSlot), base::Error) << "one writer at a time";
    AddOne(spool, 11);
    AddOne(spool, 22);
    spool.Close({.commit = {30}});
    EXPECT_TRUE(Commits().empty()) << "nothing is safe yet";
    spool.MakeSafe({40});
    AddOne(spool, 55);
  }
  for (const char* name : {"", "messages", "index", "place.json"}) {
    struct stat facts {};
    ASSERT_EQ(stat((Directory() / name).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0077, 0U) << name;
  }
  // What a crash leaves: a part of a transaction, and maybe a whole one.
  std::ofstream(Directory() / "messages", std::ios::app) << "half";
  std::ofstream(Directory() / "index", std::ios::app) << "\0\0\1"s;
  EXPECT_THAT(Commits(), ElementsAre(11, 22));
  {
    auto spool = Spool::Open(state_, kSlot);
    EXPECT_EQ(spool.place().through.value, 40U);
    EXPECT_EQ(spool.place().last_commit.value, 30U);
    EXPECT_EQ(spool.place().nobodys, 1);
    EXPECT_EQ(fs::file_size(Directory() / "messages"), spool.place().messages);
    AddOne(spool, 55);
    spool.MakeSafe({60});
  }
  EXPECT_THAT(Commits(), ElementsAre(11, 22, 55));
  fs::resize_file(Directory() / "messages", 3);
  EXPECT_THROW(Spool::Open(state_, kSlot), base::Error);
  auto other = Spool::Open(state_, "switchback_1a2b3c4d_2");
  EXPECT_FALSE(fs::exists(Directory())) << "a new slot's spool takes the place of the one before";
}

TEST_F(SpoolTest, TellsWhoseATransactionIs) {
  const auto tag = [](const std::string& secret, const std::string& step, const std::string& release = "r") {
    return journal::MakeTag(secret, {.release = release, .step = step, .direction = "forward"});
  };
  const std::string own = tag(kSecret, "migrate.1");
  const std::string used = tag(kSecret, "expand.1");
  const std::string neighbours = tag("of a neighbour", "expand.1", "n");
  {
    auto spool = Spool::Open(state_, kSlot);
    AddOne(spool, 1, used);
    AddOne(spool, 2);
    AddOne(spool, 3, tag("a guess", "expand.1"));
    AddOne(spool, 4, used);
    AddOne(spool, 5, neighbours);
    AddOne(spool, 6, neighbours);
    Entry late{.offset = spool.End(), .commit = {7}, .marks = 1, .mark = {false, own}};
    spool.Close(late);
    spool.MakeSafe({8});
  }
  Reader reader(state_, kSlot, {"r", {base::PublicKeyOf(kSecret), base::PublicKeyOf("of a neighbour")}});
  std::vector<Whose> whose;
  while (const auto transaction = reader.Next()) {
    if (whose.empty()) {
      EXPECT_EQ(transaction->tag.step, "expand.1");
      ASSERT_EQ(transaction->tables.size(), 1U);
      EXPECT_EQ(transaction->tables[0].name.Text(), "public.t");
      EXPECT_EQ(transaction->tables[0].writes.inserted, 1);
      Changes changes = reader.ChangesOf(*transaction);
      const Change* change = changes.Next();
      ASSERT_NE(change, nullptr);
      EXPECT_EQ(change->relation->columns[1].name, "v");
      EXPECT_EQ(change->row[0].text, "1");
      EXPECT_EQ(changes.Next(), nullptr);
    }
    whose.push_back(transaction->whose);
  }
  EXPECT_THAT(whose, ElementsAre(Whose::kMigration, Whose::kApplication, Whose::kUnverified, Whose::kUnverified,
                                 Whose::kRelease, Whose::kUnverified, Whose::kUnverified));
}

// The slot is told of what MakeSafe returned for, and never sends it again: so it must be there after a power cut.
TEST_F(SpoolTest, WhoHasItIsNamed) {
  const Spool spool = Spool::Open(state_, kSlot);
  try {
    Spool::Open(state_, kSlot);
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kSpoolBusy);
    EXPECT_THAT(error.message(), testing::EndsWith(": process " + std::to_string(::getpid())));
  }
}

TEST_F(SpoolTest, APowerCutLeavesWhatWasMadeSafe) {
  base::PowerCut cut;
  std::vector<std::pair<std::size_t, std::uint64_t>> safe;  // from this moment on, this many transactions
  {
    auto spool = Spool::Open(state_, kSlot);
    for (std::uint64_t i = 1; i <= 3; ++i) {
      AddOne(spool, i);
      spool.MakeSafe({i * 10});
      safe.emplace_back(cut.Moments(), i);
    }
  }
  const auto sizes = [&](std::size_t moment, const char* name, std::size_t& least) {
    cut.AtCut(moment, Directory() / name, [&](const base::PowerCut::Content& content) {
      const std::string text = content.value_or("");
      const std::string now = base::ReadFile(Directory() / name);
      std::size_t same = 0;
      while (same < std::min(text.size(), now.size()) && text[same] == now[same]) ++same;
      least = std::min(least, same);
    });
  };
  for (std::size_t moment = 0; moment <= cut.Moments(); ++moment) {
    std::uint64_t wanted = 0;
    for (const auto& [from, count] : safe) wanted = moment >= from ? count : wanted;
    std::size_t messages = SIZE_MAX;
    std::size_t index = SIZE_MAX;
    sizes(moment, "messages", messages);
    sizes(moment, "index", index);
    cut.AtCut(moment, Directory() / "place.json", [&](const base::PowerCut::Content& content) {
      if (!content) {
        EXPECT_EQ(wanted, 0U);
        return;
      }
      const base::Json place = base::ParseJson(*content, "place.json");
      EXPECT_GE(place.at("transactions").get<std::uint64_t>(), wanted);
      EXPECT_LE(place.at("messages").get<std::size_t>(), messages) << "a place never counts what may be lost";
      EXPECT_LE(place.at("index").get<std::size_t>(), index);
    });
  }
}

}  // namespace
}  // namespace stream
