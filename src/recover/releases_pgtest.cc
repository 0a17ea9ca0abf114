// Several releases on one table, as they come in real projects: one after the other, one within the other, by turns.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/read.h"
#include "plan/plan.h"
#include "postgres_test.h"
#include "recover/aside.h"
#include "recover/close.h"
#include "recover/undo.h"
#include "run/drift.h"
#include "run/look.h"
#include "run/others.h"
#include "run/runner.h"

namespace recover {
namespace {

using base::Code;
using plan::Phase;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kTable =
    "CREATE TABLE public.t (id int PRIMARY KEY, a text, b int, c int); INSERT INTO public.t SELECT g, 'a' || g, g, g "
    "FROM "
    "generate_series(1, 20) AS g";

std::optional<base::Error> ErrorOf(const std::function<void()>& act) {
  try {
    act();
    return std::nullopt;
  } catch (const base::Error& error) {
    return error;
  }
}

class Releases : public test::PostgresTest {
 protected:
  struct One {
    release::Release release;
    plan::Plan plan;
    std::unique_ptr<journal::Journal> journal;
    std::filesystem::path state;
  };

  void SetUp() override {
    PostgresTest::SetUp();
    directory_ = std::filesystem::temp_directory_path() / fmt::format("switchback-releases-{}", ::getpid());
    Anew();
  }
  void TearDown() override {
    std::filesystem::remove_all(directory_);
    PostgresTest::TearDown();
  }

  void Anew() {
    Connect().Exec(
        "SET client_min_messages = error; DROP SCHEMA IF EXISTS switchback, switchback_retired CASCADE; DROP TABLE IF "
        "EXISTS public.t");
    Connect().Exec(kTable);
    std::filesystem::remove_all(directory_);
  }

  plan::Plan Compile(const release::Release& release) {
    const plan::Needs needs = plan::NeedsOf(release);
    pg::Connection connection = Connect();
    plan::Plan plan =
        plan::Compile(release, catalog::Read(connection, {needs.relations, needs.types, needs.statements}));
    for (const plan::Blocker& blocker : plan.blockers) ADD_FAILURE() << blocker.object << ": " << blocker.reason;
    return plan;
  }

  One Make(const std::string& name, const std::string& change) {
    One one;
    one.release.name = name;
    one.release.change_path = "change.sql";
    one.release.change_sql = change;
    one.plan = Compile(one.release);
    one.state = directory_ / name;
    std::filesystem::create_directories(one.state);
    one.journal = std::make_unique<journal::Journal>(journal::Journal::Open(one.state));
    return one;
  }

  run::Session SessionOf(One& one) {
    pg::ConnectOptions connect;
    connect.conninfo = url();
    run::Session session{connect, one.plan, *one.journal, "secret"};
    session.rollback_window = std::chrono::hours(1);
    return session;
  }
  void To(One& one, Phase phase) { run::RunTo(SessionOf(one), phase); }
  void Back(One& one, Phase phase) { UndoTo(SessionOf(one), phase); }
  void End(One& one, const std::vector<std::string>& decided = {}) {
    auto connection = Connect();
    Close(SessionOf(one), LookToClose(connection, one.plan, *one.journal, decided, 0), one.state, [] {});
  }
  std::string Ask(const std::string& sql) { return Connect().Exec(sql).Text(0, 0); }
  std::string Columns() {
    return Ask(
        "SELECT string_agg(attname || CASE WHEN attnotnull THEN '!' ELSE '' END, ' ' ORDER BY attname) FROM "
        "pg_attribute "
        "WHERE attrelid = 'public.t'::regclass AND attnum > 0 AND NOT attisdropped AND attname !~ '^sbr_'");
  }

  std::filesystem::path directory_;
};

struct Act {
  bool back = false;
  Phase to = Phase::kStart;
};
using Script = std::vector<Act>;
const Script kThrough = {{false, Phase::kMigrate}, {false, Phase::kContract}, {false, Phase::kPurge}};
const Script kThereAndBack = {{false, Phase::kMigrate}, {false, Phase::kContract}, {true, Phase::kStart}};

class Interleaved : public Releases {
 protected:
  // Orders of the acts of two releases that share the table alone: each act passes, nothing of the other is taken for a
  // change beside it, and the end is what each by itself would have made. Of twenty orders each script takes its third;
  // SB_EVERY_ORDER=1 takes all.
  void Every(const Script& first, const Script& second, const std::string& columns) {
    std::vector<bool> turns(first.size(), false);
    turns.resize(first.size() + second.size(), true);
    const bool all = std::getenv("SB_EVERY_ORDER") != nullptr;
    int order = static_cast<int>(columns.size()) % 3;
    do {
      if (!all && order++ % 3 != 0) continue;
      Anew();
      One a = Make("20260101-a", "ALTER TABLE t RENAME COLUMN a TO name");
      One b = Make("20260102-b", "ALTER TABLE t ALTER COLUMN b TYPE bigint; ALTER TABLE t ALTER COLUMN b SET NOT NULL");
      std::string story;
      std::size_t of_a = 0;
      std::size_t of_b = 0;
      for (const bool turn : turns) {
        const Act& act = turn ? second[of_b++] : first[of_a++];
        story += fmt::format(" {}:{}{}", turn ? "b" : "a", act.back ? "back to " : "", plan::Name(act.to));
        const auto error = ErrorOf([&] { act.back ? Back(turn ? b : a, act.to) : To(turn ? b : a, act.to); });
        ASSERT_FALSE(error) << story << "\n" << error->Text() << error->detail();
        auto connection = Connect();
        for (One* one : {&a, &b}) {
          const run::Drift drift = run::FindDrift(connection, one->plan);
          EXPECT_THAT(drift.forward, IsEmpty()) << story;
          EXPECT_THAT(drift.notices, IsEmpty()) << story;
          EXPECT_EQ(run::WhereItStands(connection, one->plan, *one->journal).state, journal::Position::State::kClean);
        }
      }
      EXPECT_EQ(Columns(), columns) << story;
      EXPECT_EQ(Ask("SELECT count(*) FROM public.t WHERE b = id"), "20") << story;
    } while (std::next_permutation(turns.begin(), turns.end()) && !HasFatalFailure());
  }
};

TEST_F(Interleaved, BothThrough) { Every(kThrough, kThrough, "b! c id! name"); }
TEST_F(Interleaved, OneThroughAndOneBack) { Every(kThrough, kThereAndBack, "b c id! name"); }
TEST_F(Interleaved, OneBackAndOneThrough) { Every(kThereAndBack, kThrough, "a b! c id!"); }
TEST_F(Interleaved, BothBack) { Every(kThereAndBack, kThereAndBack, "a b c id!"); }

TEST_F(Releases, TheSamePlanIsMadeWhateverStandsBesideIt) {
  One a = Make("20260101-a", "ALTER TABLE t RENAME COLUMN a TO name");
  One b = Make("20260102-b", "ALTER TABLE t ALTER COLUMN b SET NOT NULL");
  To(a, Phase::kMigrate);
  EXPECT_EQ(Compile(b.release).digest, b.plan.digest);
  Connect().Exec("CREATE INDEX others ON public.t (c)");
  EXPECT_EQ(Compile(b.release).digest, b.plan.digest);
  Back(a, Phase::kStart);
  EXPECT_EQ(Compile(a.release).digest, a.plan.digest) << "what the way back retired is no part of it";
}

TEST_F(Releases, OneThatWouldTakeAwayAnothersWayBackDoesNotBegin) {
  One a = Make("20260101-a", "ALTER TABLE t RENAME COLUMN a TO name");
  One b = Make("20260102-b", "ALTER TABLE t ALTER COLUMN a SET NOT NULL");
  To(a, Phase::kMigrate);
  const auto refused = ErrorOf([&] {
    To(b, Phase::kExpand);
    To(b, Phase::kContract);
  });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), Code::kOtherRelease);
  EXPECT_THAT(refused->detail(), testing::AllOf(HasSubstr("20260101-a"), HasSubstr("public.t.a")));
  Back(a, Phase::kStart);
  To(b, Phase::kContract);
  EXPECT_EQ(ErrorOf([&] { To(a, Phase::kMigrate); })->code(), Code::kOtherRelease) << "now it is the other way round";
  Back(b, Phase::kStart);
  To(a, Phase::kMigrate);
}

// What was begun last goes back first, where both have the same in hand in spite of the gate.
TEST_F(Releases, TheLaterOneMovesFirst) {
  One a = Make("20260101-a", "ALTER TABLE t ADD COLUMN note text");
  To(a, Phase::kExpand);
  Connect().Exec("UPDATE switchback.release SET claims = jsonb_set(claims, '{window_ms}', '0')");
  One b = Make("20260102-b", "ALTER TABLE t ALTER COLUMN note SET DEFAULT 'x'");
  To(b, Phase::kExpand);
  const auto refused = ErrorOf([&] { Back(a, Phase::kStart); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), Code::kOtherRelease);
  EXPECT_THAT(refused->detail(), HasSubstr("public.t.note"));
  Back(b, Phase::kStart);
  Back(a, Phase::kStart);
}

TEST_F(Releases, CloseDropsWhatTheWayBackRetiredAndTheSamePlanRunsNoMore) {
  One a = Make("20260101-a",
               "ALTER TABLE t RENAME COLUMN a TO name; CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES "
               "t (id)); ALTER TABLE t ADD COLUMN state text NOT NULL DEFAULT 'new'");
  One b = Make("20260102-b", "ALTER TABLE t ALTER COLUMN b SET NOT NULL");
  To(b, Phase::kContract);
  To(a, Phase::kMigrate);
  EXPECT_EQ(ErrorOf([&] { End(a); })->code(), Code::kOpenEnds);
  Connect().Exec("INSERT INTO public.u VALUES (1, 1), (2, 2)");
  Back(a, Phase::kStart);
  Connect().Exec("UPDATE public.t SET a = 'later' WHERE id <= 3");
  {
    auto connection = Connect();
    const Closing closing = LookToClose(connection, a.plan, *a.journal, {}, 0);
    std::vector<std::string> texts;
    for (const Closing::Left& left : closing.left) texts.push_back(Text(left));
    EXPECT_EQ(closing.ended, "taken back");
    EXPECT_THAT(texts, testing::UnorderedElementsAre("column public.t.name: 20 values, 3 of which nothing else has",
                                                     "column public.t.state: 20 values, which nothing else has",
                                                     "table public.u: 2 rows, which nothing else has"));
  }
  // A view of others on what is to go keeps it, by name.
  const std::string retired =
      Ask("SELECT attname FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attname ~ '^sbr_' AND NOT "
          "attisdropped "
          "ORDER BY attnum LIMIT 1");
  Connect().Exec("CREATE VIEW public.hanging AS SELECT " + retired + " FROM public.t");
  EXPECT_THAT(ErrorOf([&] { End(a); })->detail(), HasSubstr("hanging"));
  Connect().Exec("DROP VIEW public.hanging");
  End(a);
  EXPECT_EQ(Columns(), "a b! c id!");
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_attribute WHERE attname ~ '^sbr_' AND NOT attisdropped"), "0");
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('switchback_retired')"), "0");
  EXPECT_EQ(Ask("SELECT ended FROM switchback.closed WHERE plan_digest = '" + a.plan.digest + "'"), "taken back");
  {
    auto connection = Connect();
    EXPECT_THAT(run::FindDrift(connection, b.plan).notices, IsEmpty()) << "the other release knows of it";
    // Another checkout sees it by the mirror.
    const auto elsewhere = run::OpenJournal(connection, "20260101-a", directory_ / "elsewhere");
    EXPECT_NE(journal::Closed(elsewhere.events()), nullptr);
  }
  EXPECT_EQ(ErrorOf([&] { To(a, Phase::kExpand); })->code(), Code::kReleaseClosed);
  a.release.change_sql = "ALTER TABLE t RENAME COLUMN a TO full_name";
  a.plan = Compile(a.release);
  To(a, Phase::kPurge);
  EXPECT_EQ(Columns(), "b! c full_name id!");
  End(a);
  EXPECT_EQ(Ask("SELECT string_agg(ended, ', ' ORDER BY ended) FROM switchback.closed"), "complete, taken back");
  Back(b, Phase::kStart);
  End(b);
  EXPECT_EQ(Ask("SELECT count(*) FROM switchback.release"), "0");
}

// What a foreign key would have done while its table was retired is done when it comes back, and the rows are kept.
TEST_F(Releases, RowsWhoseOtherSideWentWhileTheirTableWasRetiredAreSetAside) {
  One a = Make("20260101-a",
               "CREATE TABLE \"u%s'\" (id int PRIMARY KEY, t int REFERENCES t (id) ON DELETE CASCADE, \"o%I\" int "
               "REFERENCES t (id) ON DELETE SET NULL)");
  for (int times = 0; times < 2; ++times) {
    To(a, Phase::kExpand);
    Connect().Exec("INSERT INTO public.\"u%s'\" VALUES (1, 1, NULL), (2, 2, 2), (3, 3, 2), (4, 3, 3)");
    Back(a, Phase::kStart);
    Connect().Exec("DELETE FROM public.t WHERE id IN (1, 2)");
    To(a, Phase::kContract);
    EXPECT_EQ(Ask("SELECT string_agg(u::text, ' ' ORDER BY id) FROM public.\"u%s'\" u"), "(3,3,) (4,3,3)");
    EXPECT_EQ(
        Ask("SELECT count(*) FROM pg_constraint WHERE conrelid = 'public.\"u%s''\"'::regclass AND NOT convalidated"),
        "0");
    Back(a, Phase::kStart);
    Connect().Exec("INSERT INTO public.t (id) VALUES (1), (2)");
    To(a, Phase::kExpand);
    Connect().Exec("DELETE FROM public.\"u%s'\"");
    Back(a, Phase::kStart);
  }
  auto connection = Connect();
  std::vector<std::string> texts;
  for (const Closing::Left& left : LookToClose(connection, a.plan, *a.journal, {}, 0).left) texts.push_back(Text(left));
  EXPECT_THAT(texts, testing::UnorderedElementsAre("table public.u%s': empty",
                                                   "rows of public.u%s' whose other side went: 6 rows, which nothing "
                                                   "else has"));
  To(a, Phase::kPurge);
  End(a);
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('switchback_retired')"), "0")
      << "however it ends";
}

// Nobody can tell there whether a parent went or has another key now.
TEST_F(Releases, AForeignKeyWhoseUpdatesComeAlongTakesNoRowAway) {
  One a = Make("20260101-a",
               "CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t (id) ON UPDATE CASCADE ON DELETE CASCADE)");
  To(a, Phase::kExpand);
  Connect().Exec("INSERT INTO public.u VALUES (1, 1)");
  Back(a, Phase::kStart);
  Connect().Exec("UPDATE public.t SET id = 101 WHERE id = 1");
  EXPECT_THAT(ErrorOf([&] { To(a, Phase::kExpand); })->message(), HasSubstr("u_t_fkey"));
  EXPECT_EQ(Ask("SELECT count(*) FROM public.u"), "1");
  Connect().Exec("UPDATE public.u SET t = 101");
  To(a, Phase::kExpand);
}

TEST_F(Releases, AForeignKeyThatWasNotValidStaysSo) {
  One a =
      Make("20260101-a",
           "CREATE TABLE u (id int PRIMARY KEY, t int, v int REFERENCES t (id)); ALTER TABLE u ADD CONSTRAINT loose "
           "FOREIGN KEY (t) REFERENCES t (id) NOT VALID");
  const char* valid =
      "SELECT string_agg(conname || ' ' || convalidated, ', ' ORDER BY conname) FROM pg_constraint WHERE "
      "conrelid = 'public.u'::regclass AND contype = 'f'";
  for (int times = 0; times < 3; ++times) {
    To(a, Phase::kExpand);
    EXPECT_EQ(Ask(valid), "loose false, u_v_fkey true");
    Back(a, Phase::kStart);
  }
}

// What goes because its other side went takes rows of another table of the release along.
TEST_F(Releases, TwoTablesThatReferToEachOtherComeBack) {
  One a =
      Make("20260101-a",
           "CREATE TABLE u (id int PRIMARY KEY, w int); CREATE TABLE w (id int PRIMARY KEY, t int REFERENCES t (id) ON "
           "DELETE CASCADE, u int REFERENCES u (id)); ALTER TABLE u ADD CONSTRAINT u_w FOREIGN KEY (w) REFERENCES w "
           "(id) ON DELETE CASCADE");
  To(a, Phase::kExpand);
  Connect().Exec(
      "INSERT INTO public.u VALUES (1, NULL), (2, NULL); INSERT INTO public.w VALUES (1, 1, 2), (2, 2, 2); UPDATE "
      "public.u SET w = 1 WHERE id = 1");
  Back(a, Phase::kStart);
  Connect().Exec("DELETE FROM public.t WHERE id = 1");
  To(a, Phase::kExpand);
  EXPECT_EQ(Ask("SELECT string_agg(u::text, ' ' ORDER BY id) FROM public.u"), "(2,)");
  EXPECT_EQ(Ask("SELECT string_agg(w::text, ' ' ORDER BY id) FROM public.w w"), "(2,2,2)");
  auto connection = Connect();
  EXPECT_THAT(RowsAside(connection, "20260101-a"),
              ElementsAre(HasSubstr("1 rows of public.w referred to rows that went")));
  Back(a, Phase::kStart);
}

TEST_F(Releases, AForeignKeyThatWouldHaveRefusedRefusesToComeBackOverRowsWhoseOtherSideWent) {
  One a = Make("20260101-a", "CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t (id))");
  To(a, Phase::kExpand);
  Connect().Exec("INSERT INTO public.u VALUES (1, 1), (2, 2)");
  Back(a, Phase::kStart);
  Connect().Exec("DELETE FROM public.t WHERE id = 1");
  const auto refused = ErrorOf([&] { To(a, Phase::kExpand); });
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->message(), HasSubstr("u_t_fkey"));
  EXPECT_THAT(refused->detail(), HasSubstr("Key (t)=(...)"));
  Back(a, Phase::kStart);
  EXPECT_TRUE(ErrorOf([&] { To(a, Phase::kExpand); }));
  Connect().Exec("DELETE FROM public.u WHERE id = 1");
  To(a, Phase::kExpand);
  Back(a, Phase::kStart);
}

TEST_F(Releases, CloseIsRefusedWhileRowsAreOpenAndSaysHowToLeaveThem) {
  One a = Make("20260101-a", "UPDATE t SET c = c + 1 WHERE id <= 5");
  To(a, Phase::kMigrate);
  Connect().Exec("UPDATE public.t SET c = 100 WHERE id = 2");
  Back(a, Phase::kStart);
  const auto refused = ErrorOf([&] { End(a); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), Code::kOpenEnds);
  EXPECT_THAT(refused->detail(), HasSubstr("--decide kept=application"));
  {
    // One command leaves all that is open, whatever was decided before.
    auto connection = Connect();
    for (const std::vector<std::string>& decided : std::vector<std::vector<std::string>>{{}, {"kept"}}) {
      for (const Closing::Open& open : LookToClose(connection, a.plan, *a.journal, decided, 2).open) {
        EXPECT_THAT(open.remedy, HasSubstr("`switchback close 20260101-a --decide kept=application --decide "
                                           "conflicts=application`"));
      }
    }
  }
  End(a, {"kept"});
  EXPECT_EQ(Ask("SELECT c FROM public.t WHERE id = 2"), "100");
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_class WHERE relnamespace = 'switchback'::regnamespace AND relname ~ '" +
                a.plan.hex + "'"),
            "0");
}

}  // namespace
}  // namespace recover
