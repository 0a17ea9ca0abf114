#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "archiving_server.h"
#include "base/file.h"
#include "checkpoint/take.h"
#include "needs_programs.h"
#include "recover/as_migration.h"
#include "recover/restore.h"
#include "recover/salvage.h"

namespace recover {

inline constexpr const char* kSchema = R"(
CREATE TABLE public.customer(id int PRIMARY KEY, name text NOT NULL, note text, balance int NOT NULL DEFAULT 0);
CREATE TABLE public.orders(id serial PRIMARY KEY, customer int REFERENCES public.customer, total numeric NOT NULL,
                           made date GENERATED ALWAYS AS (DATE '2026-01-01' + 1) STORED, flag boolean, code text UNIQUE);
CREATE TABLE public.entry(at date, id int, line text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE public.entry_1 PARTITION OF public.entry FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE public.keyless(line text);
CREATE TABLE public.cut(id int PRIMARY KEY);
CREATE TABLE public.mark(id int PRIMARY KEY);
INSERT INTO public.customer SELECT g, 'name ' || g, repeat(md5(g::text), 200), 100 FROM generate_series(1, 20) AS g;
ALTER TABLE public.customer ALTER COLUMN note SET STORAGE EXTERNAL;
UPDATE public.customer SET note = note;
INSERT INTO public.orders (customer, total, flag, code) SELECT g, 10, true, 'c' || g FROM generate_series(1, 20) AS g;
INSERT INTO public.entry SELECT '2026-02-01', g, 'line' FROM generate_series(1, 5) AS g;
INSERT INTO public.keyless VALUES ('thrice'), (NULL);
)";

// What the applications left, without what the migration changed and no application did.
inline constexpr const char* kLook = R"(
SELECT string_agg(line, E'\n') FROM (
  SELECT 'customer ' || id || ' ' || name || ' ' || balance || ' ' || left(md5(note), 4) FROM public.customer
  UNION ALL SELECT 'order ' || id || ' ' || customer || ' ' || total || ' ' || coalesce(code, '-') FROM public.orders
  UNION ALL SELECT 'entry ' || at || ' ' || id || ' ' || line FROM public.entry
  UNION ALL SELECT 'keyless ' || coalesce(line, '-') FROM public.keyless ORDER BY 1) AS x(line)
)";

// customer.name becomes customer.title = upper(name), with a way back that spoils some names.
inline plan::Pair TitlePair() {
  plan::Pair pair;
  pair.table = {"public", "customer"};
  pair.old_name = "name";
  pair.new_name = "title";
  pair.old_type = pair.new_type = "text";
  pair.retired_old = "sbr_1a2b3c4d_1";
  pair.retired_new = "sbr_1a2b3c4d_2";
  pair.search_path = "public, pg_catalog";
  pair.up = {.function = "up_1a2b3c4d_1",
             .reads = {"name"},
             .types = {"text"},
             .target_type = "text",
             .expression = "upper(name)",
             .can_raise = true};
  pair.down = plan::Direction{.function = "down_1a2b3c4d_1",
                              .reads = {"title"},
                              .types = {"text"},
                              .target_type = "text",
                              .expression = "lower(title)",
                              .can_raise = true};
  return pair;
}

// A shop on a server with a checkpoint, and what becomes of it.
class SalvageStory : public testing::Test {
 protected:
  SalvageStory() : source_(made_.Connect(made_.server.Url())) {
    source_.Exec("CREATE DATABASE shop");
    url_ = made_.server.Url("shop");
    source_ = made_.Connect(url_);
    source_.Exec(kSchema);
    plan_.release = "20261122-name";
    plan_.hex = "1a2b3c4d";
    plan_.digest = "sha256:of-the-plan";
    plan_.tables = {{"public", "customer"}};
    plan_.pairs = {TitlePair()};
  }

  void SetUp() override {
    if (const auto missing = test::MissingPrograms(test::kBackupPrograms)) GTEST_SKIP() << *missing;
    journal::Journal journal = journal::Journal::Open(state_);
    checkpoint::Options options;
    options.conninfo = url_;
    options.state = state_;
    checkpoint::Take(plan_, options, made_.provider, journal);
  }

  void Migration(const std::string& sql) { AsMigration(source_, state_, plan_, sql); }

  std::string Restore() {
    journal::Journal journal = journal::Journal::Open(state_);
    RestoreOptions options;
    options.conninfo = url_;
    options.state = state_;
    options.directory = made_.workspace.path() / "restored";
    return recover::Restore(options, made_.provider, journal).restored.url;
  }

  SalvageOptions Options() { return {.conninfo = url_, .state = state_, .plan = plan_}; }

  SalvageReport Salvage(const std::string& restored) {
    journal::Journal journal = journal::Journal::Open(state_);
    return recover::Salvage(Options(), restored, journal);
  }

  salvage::Resolved Decide(const std::string& restored, const salvage::Decisions& decisions) {
    journal::Journal journal = journal::Journal::Open(state_);
    return recover::Resolve(Options(), restored, decisions, journal).resolved;
  }
  [[nodiscard]] base::Json ConflictsFile() const { return base::ReadJsonFile(state_ / "conflicts.json"); }

  static std::string Look(pg::Connection& connection) { return connection.Query(kLook).Text(0, 0); }

  test::ArchivingServer made_;
  pg::Connection source_;
  std::string url_;
  plan::Plan plan_;
  std::filesystem::path state_ = made_.workspace.path() / "state";
};

}  // namespace recover
