#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "base/json.h"
#include "drill/claims.h"
#include "drill/stage.h"
#include "drill/traffic.h"

namespace drill {

inline constexpr int kInstances = 2;

// The change of acts one and two, statement by statement. The last one meets the customers without a name.
inline constexpr std::array kChange = {
    std::string_view("ALTER TABLE public.customers RENAME COLUMN name TO display_name;"),
    std::string_view("ALTER TABLE public.customers DROP COLUMN phone;"),
    std::string_view("ALTER TABLE public.customers ALTER COLUMN display_name SET NOT NULL;")};
std::string ChangeText();

// The data change of acts three and four. It looks like a repair. But a customer owes the price at which the order was
// placed, not today's.
inline constexpr auto kTotalsChange = R"(UPDATE public.orders o SET total_cents = o.quantity * p.price_cents
FROM public.products p WHERE p.id = o.product_id AND o.total_cents <> o.quantity * p.price_cents;
)";
inline constexpr auto kWrongTotals = "SELECT count(*) FROM public.orders WHERE total_cents <> quantity * unit_cents";

// Each act plays on a server and a repository of its own, checks its claims, and returns what it counted:
// {act, title, way_back, traffic: {...}, ledger: {...}, notes: [sentence...], ...}.
base::Json PlayWithoutSwitchback(Stage& stage, Claims& claims);
base::Json PlayRelease(Stage& stage, Claims& claims);
base::Json PlayLateRestore(Stage& stage, Claims& claims);
// `load`: how long both versions write before anyone notices.
base::Json PlaySalvage(Stage& stage, Claims& claims, std::chrono::milliseconds load);

base::Json ToJson(const Traffic& traffic);

}  // namespace drill
