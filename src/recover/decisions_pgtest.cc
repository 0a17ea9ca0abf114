// What a person decides of conflicts: by their causes, before and after later merges, and what the server refuses.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <map>
#include <string>

#include "base/error.h"
#include "recover/salvage_story.h"

namespace recover {
namespace {

using testing::HasSubstr;

class DecisionsTest : public SalvageStory {
 protected:
  static std::string Balances(pg::Connection& restored) {
    return restored
        .Query("SELECT string_agg(id || ' ' || balance, ', ' ORDER BY id) FROM public.customer WHERE id IN (1, 3, 4)")
        .Text(0, 0);
  }
  CutOverReport CutOverNow(const std::string& url) {
    journal::Journal journal = journal::Journal::Open(state_);
    return CutOver(Options(), {}, url, journal);
  }
  // Why a decision was refused, by the row's key.
  std::map<std::string, std::string> Refused() {
    std::map<std::string, std::string> refused;
    const base::Json file = ConflictsFile();
    for (const base::Json& conflict : file.at("conflicts")) {
      if (conflict.contains("refused")) refused[conflict.at("key").at("id")] = conflict.at("why");
    }
    return refused;
  }
};

TEST_F(DecisionsTest, CountForWhatComesLater) {
  plan_.additive[{"public", "customer"}] = {"balance"};
  source_.Exec("UPDATE public.customer SET balance = 2147483000 WHERE id = 3");
  Migration("UPDATE public.customer SET balance = CASE id WHEN 3 THEN 0 ELSE balance * 10 END WHERE id < 5");
  source_.Exec("UPDATE public.customer SET balance = balance + 5 WHERE id = 1");
  source_.Exec("UPDATE public.customer SET balance = balance + 1000 WHERE id = 3");
  source_.Exec("ALTER TABLE public.customer ALTER COLUMN name DROP NOT NULL");
  source_.Exec("INSERT INTO public.customer (id, name, balance) VALUES (40, NULL, 1)");

  const std::string url = Restore();
  auto restored = made_.Connect(url);
  const salvage::Report done = Salvage(url).report;
  ASSERT_EQ(done.groups.size(), 2U);
  EXPECT_EQ(done.groups[0].name, "column:public.customer.balance");
  EXPECT_EQ(done.groups[0].conflicts, 2);
  EXPECT_THAT(done.groups[0].choices, testing::ElementsAre("restored", "application", "delta"));
  EXPECT_EQ(done.groups[1].name, "refused:public.customer.name");
  EXPECT_EQ(Balances(restored), "1 100, 3 2147483000, 4 100");

  // What cannot be done holds up nothing else.
  const salvage::Decisions decided = {.groups = {{"column", "delta"}, {"refused", "application"}}};
  salvage::Resolved resolved = Decide(url, decided);
  EXPECT_EQ(resolved.applied, 1);
  EXPECT_EQ(resolved.refused, 2);
  EXPECT_EQ(resolved.left, 0);
  EXPECT_EQ(Balances(restored), "1 105, 3 2147483000, 4 100");
  EXPECT_THAT(Refused()["3"], HasSubstr("integer out of range"));
  EXPECT_THAT(Refused()["40"], HasSubstr("null value in column \"name\""));

  // Applications go on: in the same rows, and in others of the group.
  source_.Exec("UPDATE public.customer SET balance = balance + 1 WHERE id = 1");
  source_.Exec("UPDATE public.customer SET balance = balance + 7 WHERE id = 4");
  source_.Exec("UPDATE public.orders SET total = 11 WHERE id = 1");
  const salvage::Report later = Salvage(url).report;
  EXPECT_EQ(later.decided, 2);
  EXPECT_EQ(later.refused, 2);
  EXPECT_EQ(later.conflicts, 2);
  EXPECT_EQ(Balances(restored), "1 106, 3 2147483000, 4 107");

  // Another decision takes the place of one that was applied.
  EXPECT_EQ(Decide(url, {.groups = {{"column:public.customer.balance", "application"}}}).applied, 3);
  EXPECT_EQ(Balances(restored), "1 1006, 3 1000, 4 1007");
  base::Json file = ConflictsFile();
  ASSERT_EQ(file.at("conflicts").size(), 1U);
  file["conflicts"][0]["take"] = {{"values", {{"name", "given"}}}};
  resolved =
      Decide(url, {.groups = {{"column", "restored"}, {"column:public.customer.balance", "delta"}}, .file = file});
  EXPECT_EQ(resolved.applied, 3) << "a group counts before its cause";
  EXPECT_EQ(resolved.refused, 1);
  EXPECT_EQ(restored.Query("SELECT name FROM public.customer WHERE id = 40").Text(0, 0), "given");
  EXPECT_EQ(Decide(url, {.groups = {{"column", "restored"}}}).refused, 0);
  EXPECT_EQ(Balances(restored), "1 100, 3 2147483000, 4 100");
  EXPECT_TRUE(ConflictsFile().at("conflicts").empty()) << "as restored is a decision too";
  EXPECT_EQ(CutOverNow(url).salvaged.report.conflicts, 0);

  try {
    Decide(url, {.groups = {{"colunm", "restored"}}});
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kBadResolutions);
    EXPECT_THAT(error.hint(), HasSubstr("column"));
  }
}

}  // namespace
}  // namespace recover
