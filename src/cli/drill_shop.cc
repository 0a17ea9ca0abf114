#include <charconv>

#include "base/error.h"
#include "cli/commands.h"
#include "drill/shop.h"

namespace cli {
namespace {

template <typename Number>
Number NumberOf(const Invocation& invocation, const std::string& option) {
  const std::string text = invocation.Option(option);
  Number number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc() && end == text.data() + text.size()) return number;
  throw base::Error(base::Code::kUsage, option + " takes a number, not \"" + text + "\"");
}

Outcome RunDrillShop(const Invocation& invocation) {
  const base::Json summary = drill::RunShop({.repository = invocation.Option("--repo"),
                                             .address = invocation.Option("--address"),
                                             .ledger = invocation.Option("--ledger"),
                                             .version = invocation.Option("--version-label"),
                                             .slot = NumberOf<int>(invocation, "--slot"),
                                             .rate = NumberOf<double>(invocation, "--rate"),
                                             .seed = NumberOf<unsigned>(invocation, "--seed")});
  return {.result = summary, .text = summary.dump()};
}

}  // namespace

Command DrillShop() {
  return {.name = "drill-shop",
          .summary = "The application of the drill",
          .options = {{.name = "--repo", .value = "DIR", .help = "Git repository whose HEAD has its queries.sql"},
                      {.name = "--address",
                       .value = "FILE",
                       .help = "holds the connection string; read again when it changes"},
                      {.name = "--ledger", .value = "FILE", .help = "gets a line for each request"},
                      {.name = "--version-label", .value = "TEXT", .help = "stands in the ledger"},
                      {.name = "--slot", .value = "N", .help = "which keys are its own", .fallback = "0"},
                      {.name = "--rate", .value = "N", .help = "requests a second", .fallback = "40"},
                      {.name = "--seed", .value = "N", .help = "of its random choices", .fallback = "1"}},
          .verb = RunDrillShop,
          .hidden = true,
          .anywhere = true};
}

}  // namespace cli
