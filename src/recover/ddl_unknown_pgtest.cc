#include <gmock/gmock.h>

#include "recover/salvage_story.h"

namespace recover {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

using DdlUnknown = SalvageStory;

// The old server cannot describe one of its functions: its catalog is damaged.
TEST_F(DdlUnknown, IsANoteAndKeepsNoRowFromBeingCarriedOver) {
  source_.Exec("UPDATE public.customer SET balance = 7 WHERE id = 1");
  source_.Exec("CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'");
  source_.Exec(
      "SET allow_system_table_mods = on; UPDATE pg_catalog.pg_proc SET prolang = 4711 WHERE proname = 'f';"
      "RESET allow_system_table_mods");
  const std::string url = Restore();
  const SalvageReport done = Salvage(url);
  EXPECT_THAT(done.unrepeated, ElementsAre(AllOf(StartsWith("what DDL came since was not found out: "),
                                                 HasSubstr("cache lookup failed for language 4711"))));
  EXPECT_EQ(done.report.Applied(), 1);
  EXPECT_EQ(made_.Connect(url).Query("SELECT balance FROM public.customer WHERE id = 1").Text(0, 0), "7");
}

}  // namespace
}  // namespace recover
