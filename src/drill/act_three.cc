#include <fmt/core.h>

#include <chrono>
#include <set>

#include "base/file.h"
#include "drill/acts.h"
#include "drill/release_act.h"
#include "drill/shop.h"
#include "drill/sql_text.h"

namespace drill {
namespace {

using std::chrono::milliseconds;

constexpr auto kTotalsRelease = "order-totals";
constexpr auto kInvariant = "order totals add up";

constexpr auto kTotalsYaml = R"yaml(version: 1
title: Order totals follow the price list
owner: shop-oncall@example.com
rollback_window: 24h
change: change.sql
applications:
  shop:
    before: {version: "1.8", queries: queries/shop-1.8.sql}
    after:  {version: "1.10", queries: queries/shop-1.10.sql}
invariants:
  - name: order totals add up
    sql: select count(*) from public.orders where total_cents <> quantity * unit_cents
    expect: 0
)yaml";

// Shop 1.10 trusts the price list where 1.8 trusts the order.
std::string NewQueries() {
  std::string queries(sql_text::kQueries18);
  const auto replace = [&](const std::string& from, const std::string& to) {
    queries.replace(queries.find(from), from.size(), to);
  };
  replace("SELECT o.quantity, o.unit_cents, o.total_cents, c.name\nFROM public.orders o",
          "SELECT o.quantity, p.price_cents, o.total_cents, c.name\nFROM public.orders o JOIN public.products p ON "
          "p.id = o.product_id");
  return queries;
}

// Loaded orders and products, which no application changes: what they were when all was well, and are now.
constexpr auto kContent =
    R"(SELECT md5(string_agg(md5(o::text), '' ORDER BY o.id)) FROM public.orders o WHERE o.id <= 120000)";

class ActThree : private ReleaseAct {
 public:
  ActThree(Stage& stage, Claims& claims) : ReleaseAct(stage, claims, "act3") {}

  base::Json Play() {
    Prepare(kTotalsRelease, {{"release.yaml", kTotalsYaml},
                             {"change.sql", kTotalsChange},
                             {"queries/shop-1.8.sql", std::string(sql_text::kQueries18)},
                             {"queries/shop-1.10.sql", NewQueries()}});
    Stage::Dwell(milliseconds(1500));
    Migrate();
    NoticeLate();
    Restore();
    CountLeftBehind();
    CutOver();
    base::Json result = Count();
    result["evidence"] = BuildEvidence();
    server_.Stop();
    return result;
  }

 private:
  void Migrate() {
    good_ = Ask(kContent);
    tool_.Expect({"checkpoint", kTotalsRelease, "--content-hash"});
    const auto run = tool_.Expect({"run", kTotalsRelease});
    commit_ = repository_.Commit({{"queries.sql", NewQueries()}}, "Shop 1.10");
    shops_.Roll("1.10");
    Stage::Dwell(milliseconds(3000));
    const std::string wrong = Ask(kWrongTotals);
    stage_.Say("act 3: checkpoint with content hashes, an UPDATE ({} ms), shop 1.10; all looks well for a while",
               run.took.count());
    Check("corrupted", wrong != "0" && Ask(kContent) != good_, "the data migration corrupted order totals",
          wrong + " orders");
  }

  void NoticeLate() {
    const auto diagnose = tool_.Run({"diagnose", kTotalsRelease});
    const bool named = diagnose.envelope.is_object() && diagnose.envelope.dump().find(kInvariant) != std::string::npos;
    stage_.Say("act 3: the invariant \"{}\" fails; diagnose names the way back", kInvariant);
    Check("diagnosed", named, "diagnose names the invariant that fails", kInvariant);
  }

  void Restore() {
    Fence();
    const std::filesystem::path directory = stage_.ServerDirectory("restored") / "act3";
    const auto restore =
        tool_.Expect({"rollback", kTotalsRelease, "--way", "restore", "--directory", directory.string()});
    restore_ = restore.Result();
    restore_took_ = restore.took;
    restored_url_ = restore_.at("url");
    const base::Json& verification = restore_.at("verification");
    stage_.Say("act 3: restored beside the old server in {} ms", restore_took_.count());
    pg::Connection restored = Inspect(restored_url_);
    Check("content_is_the_known_good", verification.at("contents") == "equal",
          "counts and hashes of the release's tables equal those that the checkpoint kept",
          verification.at("contents").dump());
    Check("schema_is_the_known_good", verification.at("schema") == "equal", "the schema equals the checkpoint's",
          verification.at("schema").dump());
    const std::string content = restored.Exec(kContent).Text(0, 0);
    Check("content_by_own_hash", content == good_,
          "a hash of the loaded orders, taken by the drill before the release, agrees", content);
    Check("invariant_holds_again", restored.Exec(kWrongTotals).Text(0, 0) == "0",
          "on the restored server the invariant holds", "0 orders");
    Check("old_server_untouched", Ask(kWrongTotals) != "0" && Ask(kContent) != good_,
          "the old server runs on, as it was found", "its content is what the migration left");
  }

  // Before the first write on the restored server: a row that is written there again hides what it lost.
  void CountLeftBehind() {
    const auto lines = shops_.Lines();
    pg::Connection restored = Inspect(restored_url_);
    pg::Connection old = Inspect(server_.Url(kShopDatabase));
    left_behind_ = Compare(lines, restored).lost;
    const Account on_old = Compare(lines, old);
    // A write whose answer never came, but which the old server has, is left behind as well.
    left_behind_count_ = static_cast<std::int64_t>(left_behind_.size()) + on_old.unknown_present;
    const std::int64_t said = restore_.at("left_behind").at("applications");
    Check("left_behind_agrees", said == left_behind_count_,
          "the ledgers and `restore` agree on how many writes stay behind on the old server",
          fmt::format("ledgers {}, restore {}", left_behind_count_, said));
    Check("left_behind_is_on_the_old_server", on_old.lost.empty() && on_old.altered.empty(),
          "each write that stays behind is on the old server", fmt::format("{} missing there", on_old.lost.size()));
    ListLeftBehind();
  }

  void CutOver() {
    repository_.Revert(commit_);
    cut_over_us_ = NowUs();
    shops_.PointTo(ShopAddressOf(restored_url_));
    shops_.Roll("1.8");
    const std::int64_t from = NowUs();
    Stage::Dwell(milliseconds(2000));
    const Traffic traffic = Since(from);
    stage_.Say("act 3: git revert, shop 1.8 on the restored server");
    Check("works_on_restored", traffic.failed == 0 && traffic.acknowledged > 0,
          "the reverted version works on the restored server",
          fmt::format("{} of {} requests failed", traffic.failed, traffic.requests));
  }

  base::Json Count() {
    shops_.StopAll();
    const auto lines = shops_.Lines();
    pg::Connection restored = Inspect(restored_url_);
    const Traffic traffic = Summarize(lines);
    const Account all = Compare(lines, restored);
    const Account since = Compare(Between(lines, cut_over_us_, NowUs()), restored);
    Check(
        "nothing_else_lost", since.lost.empty() && all.altered.empty() && all.unledgered == 0,
        "the restored server holds what was written, and nothing else",
        fmt::format("{} lost since, {} altered, {} unledgered", since.lost.size(), all.altered.size(), all.unledgered));
    return {{"act", 3},
            {"title", "late, by restore"},
            {"way_back", "restore"},
            {"traffic", ToJson(traffic)},
            {"ledger", all.ToJson()},
            {"restore_ms", restore_took_.count()},
            {"left_behind", left_behind_count_},
            {"left_behind_list", left_behind_list_}};
  }

  void ListLeftBehind() {
    std::string list;
    for (const LedgerWrite& write : left_behind_) {
      list += base::Json{{"table", write.table}, {"row", write.row}, {"write", write.write}, {"values", write.values}}
                  .dump() +
              "\n";
    }
    left_behind_list_ = (stage_.Directory("act3") / "left-behind.jsonl").string();
    base::WriteFile(left_behind_list_, list);
  }

  std::string good_;
  std::string commit_;
  base::Json restore_;
  milliseconds restore_took_{0};
  std::string restored_url_;
  std::vector<LedgerWrite> left_behind_;
  std::int64_t left_behind_count_ = 0;
  std::string left_behind_list_;
  std::int64_t cut_over_us_ = 0;
};

}  // namespace

base::Json PlayLateRestore(Stage& stage, Claims& claims) { return ActThree(stage, claims).Play(); }

}  // namespace drill
