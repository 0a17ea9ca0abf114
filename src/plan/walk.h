#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace plan {

// Walks the line of steps without a server: forward, back from its end or from its point of no return, and forward
// again from each place where a way back may stop. Gives what breaks one of these rules, a sentence each:
// - A column that applications can write is kept in step, or it cannot be written: after each step, either way, a new
//   column that goes by a name that applications know has the triggers that carry it to the old one and back, by the
//   names that both have at that moment. A column that is only filled has them until contract.
// - A way forward works from wherever a way back stopped, and comes to the same end.
// - Each step leaves what it promises, and nothing is proven by a scan under ACCESS EXCLUSIVE.
// `described`: the touched tables in full, as catalog::Describe has them. Pure; a plan for which it gives anything is a
// fault of the compiler.
std::vector<std::string> BrokenRules(const Plan& plan, const base::Json& described);

}  // namespace plan
