#include <fmt/format.h>
#include <gmock/gmock.h>

#include "journal/mirror.h"
#include "pg/transaction.h"
#include "postgres_test.h"
#include "run/images.h"

// The way back of data changes, on a parent with a cascading child and an identity that is always generated.
namespace run {
namespace {

class Images : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    connection_.emplace(Connect());
    journal::InstallSchema(*connection_);
    connection_->Exec(
        "CREATE TABLE public.\"Parent\" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \"the name\" text UNIQUE, "
        "note json, "
        "above int REFERENCES public.\"Parent\");"
        "CREATE TABLE public.child (id int PRIMARY KEY, parent int REFERENCES public.\"Parent\" ON DELETE CASCADE, v "
        "int CHECK (v < 100));"
        "INSERT INTO public.\"Parent\" (\"the name\", note) SELECT 'n' || i, '{\"a\": 1}' FROM generate_series(1, 10) "
        "AS i;"
        "INSERT INTO public.child SELECT i, i, i FROM generate_series(1, 10) AS i");
    Capture({{"public", "Parent"}, "images_parent", {"id", "the name", "note", "above"}, {"id"}});
    Capture({{"public", "child"}, "images_child", {"id", "parent", "v"}, {"id"}});
  }

  void TearDown() override {
    connection_.reset();
    PostgresTest::TearDown();
  }

  void Capture(const plan::DataChange::Capture& capture) {
    const std::string images = pg::Ident("switchback", capture.images);
    std::string columns;
    std::string olds;
    std::string news;
    std::string names_b;
    std::string names_a;
    for (std::size_t i = 0; i < capture.columns.size(); ++i) {
      const std::string type = connection_
                                   ->Query(
                                       "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = "
                                       "to_regclass($1) AND attname = $2",
                                       {capture.table.Sql(), capture.columns[i]})
                                   .Text(0, 0);
      columns += fmt::format(", b{0} {1}, a{0} {1}", i + 1, type);
      names_b += fmt::format(", b{}", i + 1);
      names_a += fmt::format(", a{}", i + 1);
      olds += fmt::format(", OLD.{}", pg::Ident(capture.columns[i]));
      news += fmt::format(", NEW.{}", pg::Ident(capture.columns[i]));
    }
    connection_->Exec(
        fmt::format("CREATE TABLE {0} (seq bigint GENERATED ALWAYS AS IDENTITY, op \"char\"{1});"
                    "CREATE FUNCTION {0}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN "
                    "IF TG_OP = 'INSERT' THEN INSERT INTO {0} (op{3}) VALUES ('I'{5}); "
                    "ELSIF TG_OP = 'DELETE' THEN INSERT INTO {0} (op{2}) VALUES ('D'{4}); "
                    "ELSE INSERT INTO {0} (op{2}{3}) VALUES ('U'{4}{5}); END IF; RETURN NULL; END $f$;"
                    "CREATE TRIGGER capture AFTER INSERT OR UPDATE OR DELETE ON {6} FOR EACH ROW WHEN "
                    "(current_setting('switchback.capture', true) = "
                    "'c') EXECUTE FUNCTION {0}()",
                    images, columns, names_b, names_a, olds, news, capture.table.Sql()));
    change_.capture_id = "c";
    change_.captures.push_back(capture);
  }

  void Change(const std::string& sql) {
    connection_->Exec("BEGIN; SET LOCAL switchback.capture = 'c'; " + sql + "; COMMIT");
  }

  Undone Undo() {
    pg::Transaction transaction(*connection_);
    Undone undone = UndoData(*connection_, change_);
    transaction.Commit();
    EXPECT_EQ(connection_
                  ->Exec("SELECT (SELECT count(*) FROM switchback.images_parent) + (SELECT count(*) FROM "
                         "switchback.images_child)")
                  .Int(0, 0),
              0);
    return undone;
  }

  std::string Content() {
    return connection_
        ->Exec(
            "SELECT (SELECT string_agg(p::text, ' ' ORDER BY id) FROM public.\"Parent\" AS p) || ' | ' || "
            "(SELECT string_agg(c::text, ' ' ORDER BY id) FROM public.child AS c)")
        .Text(0, 0);
  }

  std::optional<pg::Connection> connection_;
  plan::DataChange change_;
};

TEST_F(Images, ADeleteComesBackWithWhatItsCascadeTook) {
  const std::string before = Content();
  Change("DELETE FROM public.\"Parent\" WHERE id <= 4");
  EXPECT_NE(Content(), before);
  const Undone undone = Undo();
  EXPECT_EQ(undone.rows, 8);
  EXPECT_TRUE(undone.kept.empty()) << undone.kept.dump();
  EXPECT_EQ(Content(), before);
}

TEST_F(Images, ARowWhoseKeyOrUniqueValueIsTakenAgainStaysAndItsChildToo) {
  Change("DELETE FROM public.\"Parent\" WHERE id <= 3");
  connection_->Exec("INSERT INTO public.\"Parent\" (\"the name\") VALUES ('n2')");
  const Undone undone = Undo();
  EXPECT_EQ(undone.rows, 4);
  ASSERT_EQ(undone.kept.size(), 2U) << undone.kept.dump();
  EXPECT_EQ(undone.kept[0].at("table"), "public.\"Parent\"");
  EXPECT_EQ(undone.kept[0].at("key").at("id"), "2");
  EXPECT_EQ(undone.kept[1].at("table"), "public.child");
  EXPECT_THAT(undone.kept[1].at("reason").get<std::string>(), testing::HasSubstr("foreign key"));
}

TEST_F(Images, AnInsertGoesUnlessSomethingHangsOnIt) {
  const std::string before = Content();
  Change("INSERT INTO public.\"Parent\" (\"the name\") SELECT 'new ' || i FROM generate_series(1, 4) AS i");
  connection_->Exec("INSERT INTO public.child SELECT 99, id, 1 FROM public.\"Parent\" WHERE \"the name\" = 'new 1'");
  connection_->Exec("UPDATE public.\"Parent\" SET note = '{\"app\": 1}' WHERE \"the name\" = 'new 2'");
  connection_->Exec("DELETE FROM public.\"Parent\" WHERE \"the name\" = 'new 3'");
  const Undone undone = Undo();
  EXPECT_EQ(undone.rows, 1);
  ASSERT_EQ(undone.kept.size(), 2U) << undone.kept.dump();
  EXPECT_EQ(undone.kept[0].at("reason"), "other rows reference it");
  EXPECT_EQ(undone.kept[1].at("reason"), "it was changed since");
  EXPECT_EQ(connection_->Exec("SELECT count(*) FROM public.child WHERE id = 99").Int(0, 0), 1);
  connection_->Exec("DELETE FROM public.child WHERE id = 99; DELETE FROM public.\"Parent\" WHERE id > 10");
  EXPECT_EQ(Content(), before);
}

TEST_F(Images, InsertedRowsThatReferenceEachOtherGoTogether) {
  const std::string before = Content();
  Change(
      "INSERT INTO public.\"Parent\" (\"the name\") VALUES ('top'); INSERT INTO public.\"Parent\" (\"the name\", "
      "above) SELECT 'below', "
      "id FROM public.\"Parent\" WHERE \"the name\" = 'top'");
  EXPECT_EQ(Undo().rows, 2);
  EXPECT_EQ(Content(), before);
}

TEST_F(Images, SeveralImagesOfOneRowGoBackAsOne) {
  const std::string before = Content();
  Change(
      "UPDATE public.child SET v = 50 WHERE id <= 5; UPDATE public.child SET v = v + 1, parent = 9 WHERE id <= 5; "
      "DELETE FROM public.child WHERE id = 1; INSERT INTO public.child VALUES (77, 1, 1); DELETE FROM public.child "
      "WHERE id = 77");
  const Undone undone = Undo();
  EXPECT_TRUE(undone.kept.empty()) << undone.kept.dump();
  EXPECT_EQ(Content(), before);
}

TEST_F(Images, MovedKeysGoBackInTheOrderInWhichTheyCame) {
  const std::string before = Content();
  Change("UPDATE public.child SET id = id + 1000; UPDATE public.child SET id = id - 1000 + 20 WHERE id > 1005");
  const Undone undone = Undo();
  EXPECT_TRUE(undone.kept.empty()) << undone.kept.dump();
  EXPECT_EQ(Content(), before);
}

TEST_F(Images, AValueThatIsNotAllowedAnyMoreIsKeptWithTheServersWord) {
  connection_->Exec(
      "ALTER TABLE public.child DROP CONSTRAINT child_v_check; UPDATE public.child SET v = 500 WHERE id = 3");
  Change("UPDATE public.child SET v = 1 WHERE id <= 4");
  connection_->Exec("ALTER TABLE public.child ADD CHECK (v < 100)");
  const Undone undone = Undo();
  EXPECT_EQ(undone.rows, 3);
  ASSERT_EQ(undone.kept.size(), 1U);
  EXPECT_EQ(undone.kept[0].at("key").at("id"), "3");
  EXPECT_THAT(undone.kept[0].at("reason").get<std::string>(), testing::HasSubstr("check"));
}

}  // namespace
}  // namespace run
