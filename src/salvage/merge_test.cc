#include "salvage/merge.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "salvage/image.h"

namespace salvage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Rows have three columns: a key and two values. "-": not sent, ".": no such column, "!": NULL.
std::vector<Cell> Cells(const std::vector<std::string>& values) {
  std::vector<Cell> cells;
  for (const std::string& value : values) {
    if (value == "-") {
      cells.push_back({.kind = Cell::Kind::kSame});
    } else if (value == ".") {
      cells.push_back({});
    } else {
      cells.push_back({.kind = Cell::Kind::kValue, .value = value == "!" ? Value() : Value(value)});
    }
  }
  return cells;
}

Row R(const std::vector<std::string>& values) {
  Row row;
  for (const Cell& cell : Cells(values)) row.push_back(cell.value);
  return row;
}

Change Of(Change::Op op, bool application, const std::vector<std::string>& values) {
  Change change;
  change.op = op;
  change.application = application;
  change.cells = Cells(values);
  return change;
}
Change AppInsert(const std::vector<std::string>& values) { return Of(Change::Op::kInsert, true, values); }
Change AppUpdate(const std::vector<std::string>& values) { return Of(Change::Op::kUpdate, true, values); }
Change AppDelete() { return Of(Change::Op::kDelete, true, {}); }
Change OurInsert(const std::vector<std::string>& values) { return Of(Change::Op::kInsert, false, values); }
Change OurUpdate(const std::vector<std::string>& values) { return Of(Change::Op::kUpdate, false, values); }
Change OurDelete() { return Of(Change::Op::kDelete, false, {}); }

// Column 1 is in step with another one.
Change InStep(Change change, const std::string& other, bool follows, bool agrees) {
  change.others[1] = {.cell = Cells({other})[0], .follows = follows, .agrees = agrees};
  return change;
}

// "A" for each application's change that was applied, "C" for one in conflict.
std::string AddAll(Merge& merge, const std::vector<Change>& changes) {
  std::string all;
  for (const Change& change : changes) {
    const bool good = merge.Add(change);
    if (change.application) all += good ? 'A' : 'C';
  }
  return all;
}

// "applied in-conflict skipped"
std::string Count(const Merge& merge) {
  const Tally tally = merge.tally();
  return fmt::format("{} {} {}", tally.applied, tally.in_conflict, tally.skipped);
}

ConflictKind KindOf(const Merge& merge) { return merge.Conflicts().at(0).kind; }

TEST(MergeTest, ApplicationsAlone) {
  Merge merge(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {AppUpdate({"1", "x", "b"}), AppUpdate({"1", "x", "-"}), AppUpdate({"1", "x", "!"})}), "AAA");
  EXPECT_EQ(merge.row(), R({"1", "x", "!"}));
  EXPECT_EQ(AddAll(merge, {AppDelete(), AppInsert({"1", "n", "m"}), AppUpdate({"7", "n", "m"})}), "AAA");
  EXPECT_EQ(merge.row(), R({"7", "n", "m"})) << "a changed key is a changed column";
  EXPECT_THAT(merge.Conflicts(), IsEmpty());
  EXPECT_EQ(AddAll(merge, {AppDelete()}), "A");
  EXPECT_EQ(merge.row(), std::nullopt);
}

// What an image carries unchanged may be the migration's.
TEST(MergeTest, ACorruptedValueDoesNotRideIn) {
  Merge merge(R({"1", "good", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {OurUpdate({"1", "bad", "b"}), AppUpdate({"1", "bad", "x"}), AppUpdate({"1", "bad", "y"})}),
            "AA");
  EXPECT_EQ(merge.row(), R({"1", "good", "y"}));
  EXPECT_THAT(merge.Conflicts(), IsEmpty());
}

TEST(MergeTest, AChangeOfACorruptedColumnIsAConflict) {
  Merge merge(R({"1", "10", "b"}), 3);
  EXPECT_EQ(
      AddAll(merge, {OurUpdate({"1", "1000", "b"}), AppUpdate({"1", "1005", "x"}), AppUpdate({"1", "1006", "x"})}),
      "CC");
  EXPECT_EQ(merge.row(), R({"1", "10", "x"})) << "the other column of the same change is carried over";
  EXPECT_THAT(merge.Conflicts(), ElementsAre(Conflict{.kind = ConflictKind::kColumn,
                                                      .column = 1,
                                                      .restored = "10",
                                                      .application = "1006",
                                                      .added = Added{{"1000", "1006"}}}));
}

TEST(MergeTest, WhoWritesWhatIsRestoredLeavesNothingToDecide) {
  Merge merge(R({"1", "10", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {OurUpdate({"1", "1000", "b"}), AppUpdate({"1", "1005", "b"}), AppUpdate({"1", "10", "b"})}),
            "CA");
  EXPECT_THAT(merge.Conflicts(), IsEmpty());
  EXPECT_EQ(AddAll(merge, {AppUpdate({"1", "11", "b"})}), "A");
  EXPECT_EQ(merge.row(), R({"1", "11", "b"}));
}

// What applications added to what they saw, whatever somebody else made of it in between.
TEST(MergeTest, WhatWasAddedToACorruptedColumn) {
  Merge merge(R({"1", "340", "b"}), 3);
  AddAll(merge, {AppUpdate({"1", "350", "b"}), OurUpdate({"1", "3500", "b"}), AppUpdate({"1", "3505", "b"}),
                 AppUpdate({"1", "3506", "x"}), OurUpdate({"1", "35060", "x"}), AppUpdate({"1", "35058", "x"})});
  EXPECT_THAT(merge.Conflicts(), ElementsAre(Conflict{.kind = ConflictKind::kColumn,
                                                      .column = 1,
                                                      .restored = "350",
                                                      .application = "35058",
                                                      .added = Added{{"3500", "3506"}, {"35060", "35058"}}}));
  AddAll(merge, {AppUpdate({"1", "!", "x"}), AppUpdate({"1", "7", "x"})});
  EXPECT_EQ(merge.Conflicts().at(0).added, std::nullopt) << "nothing is added to NULL";
  Merge rewritten(R({"1", "10", "b"}), 3, true);
  AddAll(rewritten, {AppUpdate({"1", "1005", "b"}), AppUpdate({"1", "1006", "b"})});
  EXPECT_EQ(rewritten.Conflicts().at(0).added, std::nullopt) << "nobody knows what was there before 1005";
  Merge whole(R({"1", "10", "b"}), 3, true);
  Change change = AppUpdate({"1", "1005", "b"});
  change.before = Cells({"1", "1000", "b"});
  AddAll(whole, {change});
  EXPECT_EQ(whole.Conflicts().at(0).added, (Added{{"1000", "1005"}}));
}

TEST(MergeTest, ChangesBeforeTheMigrationCount) {
  Merge merge(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {AppUpdate({"1", "x", "b"}), OurUpdate({"1", "bad", "b"}), AppUpdate({"1", "bad", "c"})}),
            "AA");
  EXPECT_EQ(merge.row(), R({"1", "x", "c"}));
}

TEST(MergeTest, WhatTheMigrationTakesBackIsNoneOfIts) {
  Merge merge(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {OurUpdate({"1", "bad", "b"}), OurUpdate({"1", "a", "b"}), AppUpdate({"1", "x", "b"})}), "A");
  EXPECT_EQ(merge.row(), R({"1", "x", "b"}));
  Merge deleted(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(deleted, {OurDelete(), OurInsert({"1", "a", "bad"}), AppUpdate({"1", "x", "bad"})}), "A");
  EXPECT_EQ(deleted.row(), R({"1", "x", "b"}));
}

TEST(MergeTest, RowsOfTheMigration) {
  Merge merge(std::nullopt, 3);
  EXPECT_EQ(AddAll(merge, {OurInsert({"1", "a", "b"}), AppUpdate({"1", "x", "b"}), AppUpdate({"1", "y", "b"})}), "CC");
  EXPECT_EQ(merge.row(), std::nullopt);
  EXPECT_THAT(merge.Conflicts(),
              ElementsAre(Conflict{.kind = ConflictKind::kMigrationsRow, .application_row = R({"1", "y", "b"})}));
  Merge gone(std::nullopt, 3);
  EXPECT_EQ(AddAll(gone, {OurInsert({"1", "a", "b"}), AppDelete()}), "A") << "on both sides there is none";
  EXPECT_THAT(gone.Conflicts(), IsEmpty());
}

TEST(MergeTest, RowsThatTheMigrationDeleted) {
  Merge alone(R({"1", "a", "b"}), 3);
  AddAll(alone, {OurDelete()});
  EXPECT_EQ(alone.row(), R({"1", "a", "b"}));
  Merge again(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(again, {OurDelete(), AppInsert({"1", "n", "m"}), AppUpdate({"1", "n", "o"})}), "CC");
  EXPECT_EQ(again.row(), R({"1", "a", "b"}));
  EXPECT_THAT(again.Conflicts(),
              ElementsAre(Conflict{.kind = ConflictKind::kDeletedRow, .application_row = R({"1", "n", "o"})}));
}

TEST(MergeTest, ADeleteOfAChangedRowIsAConflict) {
  Merge merge(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {OurUpdate({"1", "bad", "b"}), AppDelete()}), "C");
  EXPECT_EQ(merge.row(), R({"1", "a", "b"}));
  EXPECT_THAT(merge.Conflicts(), ElementsAre(Conflict{.kind = ConflictKind::kChangedRow}));
}

TEST(MergeTest, RowsThatNobodyKnows) {
  Merge missing(std::nullopt, 3);
  EXPECT_EQ(AddAll(missing, {AppUpdate({"1", "x", "b"}), AppDelete()}), "CC");
  EXPECT_EQ(KindOf(missing), ConflictKind::kMissing);
  Merge exists(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(exists, {AppInsert({"1", "x", "b"})}), "C");
  EXPECT_EQ(KindOf(exists), ConflictKind::kExists);
  EXPECT_EQ(exists.row(), R({"1", "a", "b"}));
}

TEST(MergeTest, ColumnsThatWereNotThere) {
  Merge merge(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {AppUpdate({"1", ".", "x"})}), "A");
  EXPECT_EQ(merge.row(), R({"1", "a", "x"}));
  EXPECT_EQ(AddAll(merge, {AppDelete(), AppInsert({"1", ".", "y"})}), "AA");
  EXPECT_EQ(merge.row(), R({"1", "a", "y"})) << "the restored row has a value";
  Merge inserted(std::nullopt, 3);
  EXPECT_EQ(AddAll(inserted, {AppInsert({"1", ".", "x"})}), "A");
  EXPECT_EQ(inserted.row(), R({"1", "!", "x"}));
  EXPECT_THAT(inserted.left_out(), ElementsAre(1));
  EXPECT_EQ(AddAll(inserted, {AppUpdate({"1", "!", "x"})}), "A");
  EXPECT_EQ(AddAll(inserted, {AppUpdate({"1", "v", "x"})}), "A");
  EXPECT_THAT(inserted.left_out(), IsEmpty());
}

// An update of nothing but columns that the restored table does not have brings nothing over.
TEST(MergeTest, UpdatesOfUnknownColumnsAloneAreSkipped) {
  Merge merge(R({"1", "a", "b"}), 3);
  const auto unknown = [](Change change) {
    change.unknown = true;
    return change;
  };
  AddAll(merge, {unknown(AppUpdate({"1", "a", "b"})), unknown(AppUpdate({"1", "x", "b"})), AppUpdate({"1", "x", "b"}),
                 unknown(InStep(AppUpdate({"1", "x", "b"}), "X", true, true)),
                 unknown(InStep(AppUpdate({"1", "x", "b"}), "Y", true, true))});
  EXPECT_EQ(Count(merge), "3 0 2") << "the last one wrote the new column";
}

// What stands is what is counted.
TEST(MergeTest, ConflictsThatWereSettledAreNone) {
  Merge merge(R({"1", "a", "b"}), 3);
  AddAll(merge, {InStep(AppUpdate({"1", "y", "b"}), "Z", false, false),
                 InStep(AppUpdate({"1", "x", "b"}), "Q", false, false)});
  EXPECT_EQ(Count(merge), "0 2 0");
  AddAll(merge, {InStep(AppUpdate({"1", "z", "b"}), "Z", true, true)});
  EXPECT_EQ(Count(merge), "3 0 0");
  Merge both(R({"1", "a", "b"}), 3);
  AddAll(both, {OurUpdate({"1", "a", "bad"}), InStep(AppUpdate({"1", "y", "c"}), "Z", false, false)});
  AddAll(both, {InStep(AppUpdate({"1", "z", "c"}), "Z", true, true)});
  EXPECT_EQ(Count(both), "1 1 0") << "one column of the first one stands";
  AddAll(both, {AppDelete()});
  EXPECT_EQ(Count(both), "1 2 0");
  EXPECT_THAT(both.Conflicts(), ElementsAre(Conflict{.kind = ConflictKind::kChangedRow}))
      << "the row's conflict says what its column's would";
}

// A TRUNCATE is not repeated, so the row still stands.
TEST(MergeTest, OneConflictForARowThatIsInsertedAnew) {
  Merge merge(R({"1", "10", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {OurUpdate({"1", "99", "b"}), AppUpdate({"1", "98", "b"}), AppInsert({"1", "5", "c"})}),
            "CC");
  EXPECT_THAT(merge.Conflicts(),
              ElementsAre(Conflict{.kind = ConflictKind::kExists, .application_row = R({"1", "5", "c"})}));
  EXPECT_EQ(Count(merge), "0 2 0");
}

// A deletion counts no more than what the row was deleted for.
TEST(MergeTest, ARowThatGoesElsewhereStays) {
  Merge merge(R({"1", "a", "b"}), 3);
  AddAll(merge, {AppUpdate({"1", "x", "b"}), AppDelete(), Of(Change::Op::kElsewhere, true, {"2", "x", "b"})});
  EXPECT_EQ(merge.row(), R({"1", "x", "b"}));
  EXPECT_THAT(merge.Conflicts(),
              ElementsAre(Conflict{.kind = ConflictKind::kMoved, .application_row = R({"2", "x", "b"})}));
  EXPECT_EQ(Count(merge), "1 1 0");
  Merge anew(R({"1", "a", "b"}), 3);
  AddAll(anew, {AppDelete(), InStep(AppInsert({"1", "x", "b"}), "Q", false, false)});
  EXPECT_EQ(anew.row(), R({"1", "a", "b"})) << "the row is what was inserted, but for the column in doubt";
  EXPECT_EQ(Count(anew), "1 1 0");
  EXPECT_THAT(anew.Conflicts(),
              ElementsAre(Conflict{
                  .kind = ConflictKind::kOutOfStep, .column = 1, .restored = "a", .application = "x", .other = "Q"}));
}

// What deleted it and what inserted it are one, as an update of its key would be.
TEST(MergeTest, ARowOfTheMigrationDoesNotRideInWhereItArrives) {
  Change arrival = AppInsert({"2", "a", "x"});
  arrival.arrives = true;
  Merge merge(std::nullopt, 3);
  AddAll(merge, {OurInsert({"1", "a", "b"}), AppDelete(), arrival, AppUpdate({"2", "a", "y"})});
  EXPECT_EQ(merge.row(), std::nullopt);
  EXPECT_THAT(merge.Conflicts(),
              ElementsAre(Conflict{.kind = ConflictKind::kMigrationsRow, .application_row = R({"2", "a", "y"})}));
  EXPECT_EQ(Count(merge), "0 3 0");
  Merge elsewhere(std::nullopt, 3);
  AddAll(elsewhere, {OurInsert({"1", "a", "b"}), AppDelete(), Of(Change::Op::kElsewhere, true, {"2", "a", "x"})});
  EXPECT_EQ(KindOf(elsewhere), ConflictKind::kMigrationsRow);
  EXPECT_EQ(Count(elsewhere), "0 1 0");
  Merge anew(std::nullopt, 3);
  AddAll(anew, {OurInsert({"1", "a", "b"}), AppDelete(), AppInsert({"1", "n", "m"}), AppDelete(), arrival});
  EXPECT_EQ(anew.row(), R({"2", "a", "x"})) << "an application's own row";
  EXPECT_EQ(Count(anew), "4 0 0");
}

TEST(MergeTest, ARowThatTheMigrationMovedIsStillThatRow) {
  Change arrival = OurInsert({"2", "a", "b"});
  arrival.arrives = true;
  Merge merge(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {OurDelete(), arrival, AppUpdate({"2", "a", "x"})}), "A");
  EXPECT_EQ(merge.row(), R({"1", "a", "x"}));
  EXPECT_EQ(AddAll(merge, {AppDelete()}), "C");
  EXPECT_THAT(merge.Conflicts(), ElementsAre(Conflict{.kind = ConflictKind::kChangedRow}));
}

TEST(MergeTest, AWholeRowBeforeTellsWhatWasNotSeen) {
  Merge merge(R({"1", "10", "b"}), 3);
  Change change = AppUpdate({"1", "1000", "x"});
  change.before = Cells({"1", "1000", "b"});
  EXPECT_EQ(AddAll(merge, {change}), "A");
  EXPECT_EQ(merge.row(), R({"1", "10", "x"})) << "a rewrite made 1000 of 10";
  change.cells = Cells({"1", "1001", "x"});
  change.before = Cells({"1", "1000", "x"});
  EXPECT_EQ(AddAll(merge, {change}), "C");
}

TEST(MergeTest, ARewrittenTableHasNoBase) {
  Merge merge(R({"1", "10", "b"}), 3, true);
  EXPECT_EQ(AddAll(merge, {AppUpdate({"1", "10", "b"})}), "A");
  EXPECT_EQ(AddAll(merge, {AppUpdate({"1", "1000", "b"})}), "C") << "nobody knows who made 1000 of 10";
  Merge inserted(std::nullopt, 3, true);
  EXPECT_EQ(AddAll(inserted, {AppInsert({"1", "a", "b"}), AppUpdate({"1", "x", "b"})}), "AA");
  EXPECT_EQ(inserted.row(), R({"1", "x", "b"}));
}

TEST(MergeTest, TellsWhatTheStreamNeverHad) {
  Merge merge(std::nullopt, 3);
  EXPECT_EQ(AddAll(merge, {AppUpdate({"1", "-", "b"})}), "C");
  EXPECT_THAT(
      merge.Conflicts(),
      ElementsAre(Conflict{.kind = ConflictKind::kMissing, .application_row = R({"1", "!", "b"}), .unsent = {1}}));
}

TEST(MergeTest, ColumnsInStep) {
  Merge merge(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {InStep(AppUpdate({"1", "x", "b"}), "X", true, true)}), "A");
  EXPECT_EQ(AddAll(merge, {InStep(AppUpdate({"1", "y", "b"}), "Z", false, false)}), "C") << "a faulty down";
  EXPECT_EQ(merge.row(), R({"1", "x", "b"}));
  EXPECT_THAT(merge.Conflicts(),
              ElementsAre(Conflict{
                  .kind = ConflictKind::kOutOfStep, .column = 1, .restored = "x", .application = "y", .other = "Z"}));
  EXPECT_EQ(AddAll(merge, {InStep(AppUpdate({"1", "z", "b"}), "Z", true, true)}), "A");
  EXPECT_THAT(merge.Conflicts(), IsEmpty()) << "a later write settles it";
  EXPECT_EQ(merge.row(), R({"1", "z", "b"}));
}

// A backfill changes the new side alone, and a lossy pair disagrees in rows that nobody wrote to.
TEST(MergeTest, TheNewColumnAlone) {
  Merge filled(R({"1", " a", "b"}), 3);
  Change backfill = OurUpdate({"1", " a", "b"});
  backfill.others[1] = {.cell = Cells({"a"})[0]};
  EXPECT_EQ(AddAll(filled, {backfill, InStep(AppUpdate({"1", " a", "x"}), "a", true, false)}), "A");
  EXPECT_EQ(AddAll(filled, {InStep(AppUpdate({"1", "c", "x"}), "c", true, true)}), "A");
  EXPECT_EQ(filled.row(), R({"1", "c", "x"}));
  Merge first(R({"1", " a", "b"}), 3);
  EXPECT_EQ(AddAll(first, {InStep(AppUpdate({"1", " a", "x"}), "a", true, false)}), "A") << "its trigger filled it";
  Merge lost(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(lost, {InStep(AppUpdate({"1", "a", "b"}), "q", false, false)}), "C")
      << "the new column was written, and the old one did not follow";
  Merge toasted(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(toasted, {InStep(AppUpdate({"1", "-", "x"}), "a", false, false)}), "A");
  Merge inserted(std::nullopt, 3);
  EXPECT_EQ(AddAll(inserted, {InStep(AppInsert({"1", "a", "b"}), "q", false, false), AppUpdate({"1", "a", "c"})}),
            "CA");
  EXPECT_EQ(inserted.row(), R({"1", "a", "c"})) << "what was inserted is there";
  EXPECT_THAT(inserted.Conflicts(),
              ElementsAre(Conflict{
                  .kind = ConflictKind::kOutOfStep, .column = 1, .restored = "a", .application = "a", .other = "q"}));
  EXPECT_EQ(AddAll(inserted, {InStep(AppUpdate({"1", "d", "c"}), "e", false, false)}), "C");
  EXPECT_EQ(inserted.row(), R({"1", "d", "c"})) << "with what it has in the end";
  EXPECT_EQ(AddAll(inserted, {AppDelete()}), "A");
  EXPECT_THAT(inserted.Conflicts(), IsEmpty());
  EXPECT_EQ(inserted.row(), std::nullopt);
}

// Where no trigger can have made the old value, an application did, whatever the new one says.
TEST(MergeTest, AValueThatNoTriggerMadeIsNoConflict) {
  Merge merge(R({"1", "a", "b"}), 3);
  EXPECT_EQ(AddAll(merge, {InStep(AppUpdate({"1", "Bob", "b"}), "BOB", true, true)}), "A");
  EXPECT_EQ(AddAll(merge, {InStep(AppUpdate({"1", "Bob", "x"}), "ROB", true, false)}), "A")
      << "an up that reads other columns made the new value alone";
  EXPECT_EQ(AddAll(merge, {InStep(AppUpdate({"1", "Bob", "x"}), "lost", false, true)}), "C")
      << "the new column was written, and the old one did not follow";
  Merge inserted(std::nullopt, 3);
  EXPECT_EQ(AddAll(inserted, {InStep(AppInsert({"1", "Bob", "b"}), "BOB", true, true)}), "A");
  Merge purged(std::nullopt, 3);
  EXPECT_EQ(AddAll(purged, {InStep(AppInsert({"1", ".", "b"}), "BOB", false, true)}), "C")
      << "a column that is gone has no value of its own";
}

TEST(ImageTest, ComesBackAsItWas) {
  const std::vector<Cell> cells = Cells({"", "-", ".", "!", "7:x!-.", "\t\\\n"});
  std::string text;
  for (const Cell& cell : cells) PutCell(text, cell);
  EXPECT_EQ(CellsOf(text), cells);
  const std::string identity = IdentityOf({"1:2", "", "b"});
  EXPECT_THAT(KeyOf(identity), ElementsAre(Value("1:2"), Value(""), Value("b")));
  EXPECT_NE(IdentityOf({"1", "12"}), IdentityOf({"11", "2"}));
}

}  // namespace
}  // namespace salvage
