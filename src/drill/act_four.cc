#include <fmt/core.h>

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "base/file.h"
#include "drill/acts.h"
#include "drill/conflicts.h"
#include "drill/release_act.h"
#include "drill/sql_text.h"
#include "pg/copy.h"

namespace drill {
namespace {

using std::chrono::milliseconds;

constexpr auto kNamesRelease = "names-and-totals";

constexpr auto kNamesYaml = R"yaml(version: 1
title: Customers get a display name, and order totals follow the price list
owner: shop-oncall@example.com
rollback_window: 24h
change: change.sql
transforms:
  public.customers:
    display_name: {up: "coalesce(name, 'Guest')", down: display_name}
applications:
  shop:
    before: {version: "1.8", queries: queries/shop-1.8.sql}
    after:  {version: "1.9", queries: queries/shop-1.9.sql}
invariants:
  - name: order totals add up
    sql: select count(*) from public.orders where total_cents <> quantity * unit_cents
    expect: 0
)yaml";

std::string WithChangeOrder(std::string_view queries) {
  return std::string(queries) + std::string(sql_text::kQueriesChangeOrder);
}

// Loaded orders but those of $1.
constexpr auto kOrdersBut =
    "SELECT md5(string_agg(md5(o::text), '' ORDER BY o.id)) FROM public.orders o WHERE o.id <= 120000 AND NOT o.id = "
    "ANY ($1::bigint[])";

class ActFour : private ReleaseAct {
 public:
  ActFour(Stage& stage, Claims& claims) : ReleaseAct(stage, claims, "act4") {}

  base::Json Play(milliseconds load) {
    Prepare(kNamesRelease, {{"release.yaml", kNamesYaml},
                            {"change.sql", ChangeText() + kTotalsChange},
                            {"queries/shop-1.8.sql", WithChangeOrder(sql_text::kQueries18)},
                            {"queries/shop-1.9.sql", WithChangeOrder(sql_text::kQueries19)}});
    Stage::Dwell(milliseconds(1000));
    Migrate();
    WriteForAWhile(load);
    RestoreWithout();
    RestoreWith();
    CutOver();
    CompareBoth();
    Decide();
    Move();
    base::Json result = Count();
    result["evidence"] = BuildEvidence();
    server_.Stop();
    return result;
  }

 private:
  void Migrate() {
    tool_.Expect({"checkpoint", kNamesRelease});
    const auto run = tool_.Expect({"run", kNamesRelease});
    commit_ = repository_.Commit({{"queries.sql", WithChangeOrder(sql_text::kQueries19)}}, "Shop 1.9");
    for (int i = 0; i < kInstances; ++i) shops_.Start("1.9");
    stage_.Say("act 4: the change of act 2 and the UPDATE of act 3 in one release ({} ms); shop 1.9 beside 1.8",
               run.took.count());
  }

  void WriteForAWhile(milliseconds load) {
    const std::int64_t from = NowUs();
    Stage::Dwell(load);
    CheckBothWrote("both_versions_write", from, "both versions write for a while, and no request fails");
    const std::string wrong = Ask(kWrongTotals);
    stage_.Say("act 4: both versions wrote for {} ms before anyone looks at the order totals", load.count());
    Check("corrupted", wrong != "0", "the release corrupted order totals", wrong + " orders");
  }

  void CheckBothWrote(const std::string& claim, std::int64_t from_us, const std::string& text) {
    const Traffic old_version = Since(from_us, "1.8");
    const Traffic new_version = Since(from_us, "1.9");
    const std::int64_t failed = old_version.failed + new_version.failed;
    Check(claim, old_version.acknowledged > 0 && new_version.acknowledged > 0 && failed == 0, text,
          fmt::format("{} and {} acknowledged writes, {} failed requests", old_version.acknowledged,
                      new_version.acknowledged, failed));
  }

  // Nobody will use it: it shows what a restore alone would have lost.
  void RestoreWithout() {
    const std::string directory = (stage_.ServerDirectory("restored") / "act4-without").string();
    const auto restore = tool_.Expect({"restore", kNamesRelease, "--directory", directory});
    without_url_ = restore.Result().at("url");
    stage_.Say("act 4: restored without salvage, for comparison, in {} ms; both versions go on", restore.took.count());
  }

  // This one will be moved to, and takes its time: nobody waits for it yet.
  void RestoreWith() {
    const std::int64_t from = NowUs();
    const std::string directory = (stage_.ServerDirectory("restored") / "act4-with").string();
    const auto restore = tool_.Expect({"restore", kNamesRelease, "--salvage", "--directory", directory});
    restore_took_ = restore.took;
    with_url_ = restore.Result().at("url");
    carried_before_ = restore.Result().at("salvage").at("changes");
    CheckBothWrote("salvaged_while_they_write", from,
                   "both versions write while the new server is made and salvaged, and no request fails");
    stage_.Say("act 4: restored with salvage in {} ms, while both versions go on", restore_took_.count());
  }

  void CutOver() {
    repository_.Revert(commit_);
    shops_.Stop("1.9");
    const auto cut_over = tool_.Expect({"restore", kNamesRelease, "--cut-over"});
    const std::int64_t from = NowUs();
    cut_over_took_ = cut_over.took;
    salvage_ = cut_over.Result().at("salvage");
    said_ = tool_.Expect({"restore", kNamesRelease, "--dry-run"}).Result().at("loss").at("applications");
    Stage::Dwell(milliseconds(1000));
    const Traffic traffic = Since(from);
    const std::int64_t refused = traffic.failures.contains("25006") ? traffic.failures.at("25006") : 0;
    stage_.Say("act 4: git revert; writes end, and the last of them are carried over in {} ms", cut_over_took_.count());
    Check("last_writes_carried_over", carried_before_ > 0 && salvage_.at("changes") > carried_before_,
          "the salvage carried over what was written by then, the cut-over what was written since",
          fmt::format("{} changes, then {}", carried_before_, salvage_.at("changes").dump()));
    Check("fenced_for_writes_alone",
          refused > 0 && traffic.failed == refused && traffic.acknowledged == 0 && traffic.requests > refused,
          "behind the cut-over the old server refuses each write, and gives each read",
          fmt::format("{} of {} requests refused", refused, traffic.requests));
  }

  // Before the first write on the salvaged server.
  void CompareBoth() {
    const auto lines = shops_.Lines();
    pg::Connection old = Inspect(server_.Url(kShopDatabase));
    pg::Connection without = Inspect(without_url_);
    pg::Connection with = Inspect(with_url_);
    without_ = Compare(lines, without);
    with_ = Compare(lines, with);
    // Each write is one row in one transaction. One whose answer never came, but which the old server has, counts.
    const std::int64_t written = static_cast<std::int64_t>(without_.lost.size()) + Compare(lines, old).unknown_present;
    Check("lost_without_salvage", !without_.lost.empty(),
          "restored without salvage, what was acknowledged since the checkpoint is gone",
          fmt::format("{} of {} acknowledged writes", without_.lost.size(), without_.acknowledged));
    Check("loss_account_agrees", said_ == written,
          "the ledgers and `restore --dry-run` agree on how many transactions a restore loses",
          fmt::format("ledgers {}, restore {}", written, said_));

    conflicts_ = base::ReadJsonFile(repository_.directory() / salvage_.at("conflicts_file").get<std::string>());
    named_ = HoldAgainst(conflicts_, lines, with_);
    Check(
        "nothing_lost_with_salvage", named_.unnamed.empty() && with_.unledgered == 0,
        "restored with salvage, each acknowledged write is there with its values, or a conflict names them",
        fmt::format("{} of {} acknowledged writes lost, {} named conflicts{}", named_.unnamed.size(),
                    with_.acknowledged, named_.conflicts, named_.unnamed.empty() ? "" : ": " + named_.unnamed.front()));
    Check("conflicts_are_the_applications", named_.conflicts > 0 && named_.strange.empty(),
          "there are conflicts, all of rows that the applications wrote to",
          fmt::format("{} conflicts, {} of other rows", named_.conflicts, named_.strange.size()));
    const std::int64_t changes = salvage_.at("changes");
    const std::int64_t sum = salvage_.at("applied").get<std::int64_t>() +
                             salvage_.at("in_conflict").get<std::int64_t>() +
                             salvage_.at("skipped").get<std::int64_t>();
    Check("changes_add_up", sum == changes && changes == written,
          "applied, in conflict and skipped add up to all that the applications wrote",
          fmt::format("{} + {} + {} of {}, ledgers {}", salvage_.at("applied").dump(),
                      salvage_.at("in_conflict").dump(), salvage_.at("skipped").dump(), changes, written));
    CompareUntouched(lines, old, without, with);
  }

  void CompareUntouched(std::span<const LedgerLine> lines, pg::Connection& old, pg::Connection& without,
                        pg::Connection& with) {
    std::vector<std::optional<std::string>> touched;
    for (const LedgerLine& line : lines) {
      if (line.write && line.write->table == "orders") touched.emplace_back(std::to_string(line.write->row));
    }
    const auto content = [but = pg::ArrayText(touched)](pg::Connection& connection) {
      return connection.Query(kOrdersBut, {but}).Text(0, 0);
    };
    const std::string good = content(without);
    Check("damage_stays_behind", content(with) == good && content(old) != good,
          "orders that no application wrote to are as at the checkpoint, where the old server has them corrupted",
          good);
  }

  // The totals that applications had set on corrupted orders were right.
  void Decide() {
    decided_ = (stage_.Directory("act4") / "conflicts-decided.json").string();
    base::WriteFile(decided_, TakeApplications(conflicts_).dump(2) + "\n");
    const auto resolve = tool_.Expect({"restore", kNamesRelease, "--resolve", decided_});
    pg::Connection with = Inspect(with_url_);
    const Account account = Compare(shops_.Lines(), with);
    const std::string wrong = with.Exec(kWrongTotals).Text(0, 0);
    stage_.Say("act 4: {} conflicts decided for the applications", resolve.Result().at("applied").dump());
    Check("conflicts_decided", account.lost.empty() && account.altered.empty() && wrong == "0",
          "with the conflicts decided, all is as written, and order totals add up again",
          fmt::format("{} lost, {} altered, {} wrong totals", account.lost.size(), account.altered.size(), wrong));
  }

  void Move() {
    shops_.PointTo(ShopAddressOf(with_url_));
    AwaitSuccess();
    const std::int64_t from = NowUs();
    Stage::Dwell(milliseconds(1500));
    const Traffic traffic = Since(from);
    stage_.Say("act 4: shop 1.8 goes on where it was, on the salvaged server");
    Check("works_on_salvaged", traffic.failed == 0 && traffic.acknowledged > 0,
          "the old version goes on there, and reads what it wrote on the old server",
          fmt::format("{} of {} requests failed", traffic.failed, traffic.requests));
  }

  // They look where the server is at each request; one that is under way may still fail.
  void AwaitSuccess() {
    for (int wait = 0; wait < 40; ++wait) {
      const std::int64_t from = NowUs();
      Stage::Dwell(milliseconds(250));
      const Traffic traffic = Since(from);
      if (traffic.failed == 0 && traffic.acknowledged > 0) return;
    }
  }

  base::Json Count() {
    shops_.StopAll();
    const auto lines = shops_.Lines();
    pg::Connection with = Inspect(with_url_);
    const Account account = Compare(lines, with);
    Check("nothing_lost_whole", account.lost.empty() && account.altered.empty() && account.unledgered == 0,
          "the salvaged server holds what was written before and since, and nothing else",
          fmt::format("{} lost, {} altered, {} unledgered", account.lost.size(), account.altered.size(),
                      account.unledgered));
    return {{"act", 4},
            {"title", "late, with salvage"},
            {"way_back", "restore + salvage"},
            {"traffic", ToJson(Summarize(lines))},
            {"ledger", account.ToJson()},
            {"restore_ms", restore_took_.count()},
            {"cut_over_ms", cut_over_took_.count()},
            {"without_salvage", {{"lost", without_.lost.size()}, {"acknowledged", without_.acknowledged}}},
            {"with_salvage",
             {{"lost", named_.unnamed.size()},
              {"acknowledged", with_.acknowledged},
              {"conflicts", named_.conflicts},
              {"changes", salvage_.at("changes")},
              {"applied", salvage_.at("applied")},
              {"in_conflict", salvage_.at("in_conflict")},
              {"skipped", salvage_.at("skipped")}}},
            {"conflicts_list", decided_}};
  }

  std::string commit_;
  std::string without_url_;
  std::string with_url_;
  std::int64_t said_ = 0;
  milliseconds restore_took_{0};
  milliseconds cut_over_took_{0};
  std::int64_t carried_before_ = 0;  // changes
  base::Json salvage_;
  base::Json conflicts_;
  Account without_;
  Account with_;
  Named named_;
  std::string decided_;
};

}  // namespace

base::Json PlaySalvage(Stage& stage, Claims& claims, std::chrono::milliseconds load) {
  return ActFour(stage, claims).Play(load);
}

}  // namespace drill
