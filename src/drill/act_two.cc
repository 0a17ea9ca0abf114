#include <fmt/core.h>

#include <chrono>

#include "base/error.h"
#include "drill/acts.h"
#include "drill/release_act.h"
#include "drill/sql_text.h"

namespace drill {
namespace {

using std::chrono::milliseconds;

constexpr auto kDisplayNameRelease = "display-name";
constexpr auto kDefect = "customer reads back another name";

constexpr auto kDisplayNameYaml = R"yaml(version: 1
title: Customers get a display name
owner: shop-oncall@example.com
rollback_window: 24h
change: change.sql
transforms:
  public.customers:
    display_name: {up: "coalesce(name, 'Guest')",
               down : "display_name"
}
applications:
  shop:
    before: {version: "1.8", queries: queries/shop-1.8.sql}
    after:  {version: "1.9", queries: queries/shop-1.9.sql}
invariants:
  - name: no order without a customer
    sql: select count(*) from public.orders o left join public.customers c on c.id = o.customer_id where c.id is null
    expect: 0
)yaml";

// Shop 1.9 as it was first deployed: it answers with the name in small letters.
std::string DefectiveQueries() {
  std::string queries(sql_text::kQueries19);
  const std::string right = "SELECT display_name FROM";
  queries.replace(queries.find(right), right.size(), "SELECT lower(display_name) FROM");
  return queries;
}

class ActTwo : private ReleaseAct {
 public:
  ActTwo(Stage& stage, Claims& claims) : ReleaseAct(stage, claims, "act2") {}

  base::Json Play() {
    Prepare(kDisplayNameRelease, {{"release.yaml", kDisplayNameYaml},
                                  {"change.sql", ChangeText()},
                                  {"queries/shop-1.8.sql", std::string(sql_text::kQueries18)},
                                  {"queries/shop-1.9.sql", std::string(sql_text::kQueries19)}});
    Stage::Dwell(milliseconds(1000));
    ExpandAndMigrate("expand_unnoticed");
    DeployDefect();
    GoBack();
    // The ledgers and the database are compared at rest.
    shops_.StopAll();
    base::Json incident = Count("incident");
    for (int i = 0; i < kInstances; ++i) shops_.Start("1.8");
    ForwardAgain();
    Contract();
    UndoContract();
    shops_.StopAll();
    base::Json result = Count("whole");
    result["incident"] = incident;
    result["undo_ms"] = undo_.count();
    result["undo_after_contract_ms"] = undo_contract_.count();
    result["evidence"] = BuildEvidence();
    server_.Stop();
    return result;
  }

 private:
  void ExpandAndMigrate(const std::string& claim) {
    const std::int64_t from = NowUs();
    const auto checkpoint = tool_.Expect({"checkpoint", kDisplayNameRelease});
    const auto run = tool_.Expect({"run", kDisplayNameRelease});
    stage_.Say("act 2: checkpoint ({} ms), expand and migrate ({} ms) while shop 1.8 works", checkpoint.took.count(),
               run.took.count());
    Stage::Dwell(milliseconds(1000));
    const Traffic traffic = Since(from);
    Check(claim, traffic.failed == 0 && traffic.acknowledged > 0,
          "checkpoint, expand and migrate fail no request of the old version",
          fmt::format("{} of {} requests failed", traffic.failed, traffic.requests));
  }

  void DeployDefect() {
    const std::int64_t from = NowUs();
    defect_ = repository_.Commit({{"queries.sql", DefectiveQueries()}}, "Shop 1.9");
    shops_.Roll("1.9");
    Stage::Dwell(milliseconds(1500));
    const Traffic old_version = Since(from, "1.8");
    const Traffic new_version = Since(from, "1.9");
    const auto wrong = new_version.failures.find(kDefect);
    stage_.Say("act 2: shop 1.9 is out, and has a defect: {} wrong answers", new_version.failed);
    Check("both_versions_together", old_version.failed == 0 && old_version.requests > 0 && new_version.acknowledged > 0,
          "while both versions run, the old one fails no request",
          fmt::format("{} of {} requests failed", old_version.failed, old_version.requests));
    Check("defect_is_the_only_failure", wrong != new_version.failures.end() && wrong->second == new_version.failed,
          "the new version's failures are its own defect, none is the database's",
          fmt::format("{}", new_version.failed));
  }

  void GoBack() {
    repository_.Revert(defect_);
    shops_.Roll("1.8");
    const std::int64_t from = NowUs();
    const auto undo = tool_.Expect({"rollback", kDisplayNameRelease, "--to", "start"});
    undo_ = undo.took;
    Stage::Dwell(milliseconds(1500));
    const Traffic traffic = Since(from);
    stage_.Say("act 2: git revert, shop 1.8 again, and undo in {} ms", undo_.count());
    Check("undo_unnoticed", traffic.failed == 0 && traffic.acknowledged > 0,
          "undo fails no request, and the old version reads what it wrote",
          fmt::format("{} of {} requests failed", traffic.failed, traffic.requests));
    Check("schema_is_back", HasColumn("name") && HasColumn("phone") && !HasColumn("display_name"),
          "the schema is the old version's again", "columns name and phone, no display_name");
  }

  // The ledgers and the database up to here.
  base::Json Count(const std::string& until) {
    const auto lines = shops_.Lines();
    const Traffic traffic = Summarize(lines);
    const Account account = CompareNow();
    Check("nothing_lost_" + until, account.lost.empty() && account.altered.empty() && account.unledgered == 0,
          "each acknowledged write is in the database, of the withdrawn version too, with the values that were written",
          fmt::format("{} lost, {} altered of {}", account.lost.size(), account.altered.size(), account.acknowledged));
    return {{"act", 2},
            {"title", "as a release"},
            {"way_back", "undo"},
            {"traffic", ToJson(traffic)},
            {"ledger", account.ToJson()}};
  }

  void ForwardAgain() {
    ExpandAndMigrate("forward_again_unnoticed");
    const std::int64_t from = NowUs();
    fix_ = repository_.Commit({{"queries.sql", std::string(sql_text::kQueries19)}}, "Shop 1.9.1");
    shops_.Roll("1.9.1");
    Stage::Dwell(milliseconds(1000));
    const Traffic traffic = Since(from);
    Check("corrected_version", traffic.failed == 0 && traffic.acknowledged > 0,
          "the corrected version is deployed without a failed request",
          fmt::format("{} of {} requests failed", traffic.failed, traffic.requests));
  }

  void Contract() {
    const std::int64_t from = NowUs();
    const auto contract = tool_.Expect({"contract", kDisplayNameRelease});
    Stage::Dwell(milliseconds(1000));
    const Traffic traffic = Since(from);
    stage_.Say("act 2: forward again, shop 1.9.1, contract ({} ms)", contract.took.count());
    Check("contract_unnoticed", traffic.failed == 0 && traffic.acknowledged > 0,
          "contract fails no request of the new version",
          fmt::format("{} of {} requests failed", traffic.failed, traffic.requests));
    std::string refused = "it still works";
    try {
      pg::Connection::Open({.conninfo = ShopAddressOf(server_.Url())})
          .Exec("SELECT name, phone FROM public.customers LIMIT 1");
    } catch (const base::Error& error) {
      refused = error.sqlstate();
    }
    Check("old_version_refused", refused == "42703", "after contract the database refuses the old version", refused);
  }

  void UndoContract() {
    const std::int64_t from = NowUs();
    const auto undo = tool_.Expect({"rollback", kDisplayNameRelease, "--to", "migrate"});
    undo_contract_ = undo.took;
    repository_.Revert(fix_);
    shops_.Start("1.8");
    Stage::Dwell(milliseconds(1500));
    const Traffic traffic = Since(from);
    const Traffic old_version = Since(from, "1.8");
    stage_.Say("act 2: contract undone in {} ms; both versions work again", undo_contract_.count());
    Check("undo_after_contract_unnoticed", traffic.failed == 0 && old_version.acknowledged > 0,
          "undo after contract fails no request, and the old version works again beside the new one",
          fmt::format("{} of {} requests failed", traffic.failed, traffic.requests));
    const std::string phones = Ask(fmt::format(
        "SELECT count(*) FROM public.customers WHERE id <= {} AND phone = '+49 30 ' || id", kLoadedCustomersText));
    Check("dropped_column_is_back", phones == kLoadedCustomersText, "the dropped column is back with every value",
          phones + " phones");
  }

  static constexpr auto kLoadedCustomersText = "200000";
  std::string defect_;
  std::string fix_;
  milliseconds undo_{0};
  milliseconds undo_contract_{0};
};

}  // namespace

base::Json PlayRelease(Stage& stage, Claims& claims) { return ActTwo(stage, claims).Play(); }

}  // namespace drill
