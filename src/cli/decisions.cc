#include "cli/decisions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <utility>

#include "base/error.h"
#include "cli/spelling.h"
#include "release/nearest.h"
#include "salvage/conflicts_file.h"

namespace cli {
namespace {

constexpr std::array<const char*, 3> kChoices = {"restored", "application", "delta"};

std::pair<std::string, std::string> DecisionOf(const std::string& text) {
  const std::size_t at = text.rfind('=');
  const std::string choice = at == std::string::npos ? "" : text.substr(at + 1);
  if (at != 0 && std::find(kChoices.begin(), kChoices.end(), choice) != kChoices.end()) {
    return {text.substr(0, at), choice};
  }
  const std::string nearest = release::Nearest(choice, {kChoices.begin(), kChoices.end()});
  throw base::Error(base::Code::kUsage, fmt::format("--decide takes CAUSE=CHOICE, and \"{}\" is none", text))
      .Hint(nearest.empty() ? "A choice is restored, application or delta." : fmt::format("Did you mean {}?", nearest));
}

}  // namespace

salvage::Decisions DecisionsOf(const Invocation& invocation) {
  salvage::Decisions decisions;
  for (const std::string& text : invocation.Options("--decide")) decisions.groups.push_back(DecisionOf(text));
  if (const std::string file = invocation.Option("--resolve"); !file.empty()) {
    decisions.file = salvage::ReadConflictsFile(std::filesystem::absolute(file));
  }
  return decisions;
}

std::string ShowGroups(const std::vector<salvage::Group>& groups, const std::string& release, const std::string& file) {
  if (groups.empty()) return "";
  std::int64_t conflicts = 0;
  std::map<std::string, int> of_cause;
  for (const salvage::Group& group : groups) {
    conflicts += group.conflicts;
    ++of_cause[group.cause];
  }
  std::string text =
      fmt::format("\n  {} conflicts wait for a decision, and are as restored until then: {}", conflicts, file);
  for (const salvage::Group& group : groups) {
    text += fmt::format("\n  {:>8}  {}", group.conflicts, group.name);
    if (group.refused > 0) text += fmt::format(" ({} decided, and refused: `why` in the file)", group.refused);
    text += fmt::format("\n            {}", group.why);
    text +=
        fmt::format("\n            switchback restore {} --decide {}={}", release,
                    ShellWord(of_cause[group.cause] == 1 ? group.cause : group.name), fmt::join(group.choices, "|"));
  }
  return text;
}

std::string ShowResolved(const salvage::Resolution& done, const std::string& release, const std::string& file) {
  const salvage::Resolved& resolved = done.resolved;
  std::string text = fmt::format("{} conflicts decided, {} left as restored", resolved.applied, resolved.left);
  if (resolved.refused > 0) text += fmt::format(", {} refused and left as restored", resolved.refused);
  if (resolved.before > 0) text += fmt::format(", {} decided before", resolved.before);
  if (!resolved.stale.empty()) {
    text += fmt::format("\n  {} of the file are not as the restored server has them, and were not applied:",
                        resolved.stale.size());
    constexpr std::size_t kMost = 5;
    for (std::size_t i = 0; i < std::min(kMost, resolved.stale.size()); ++i) {
      text += fmt::format("\n    conflict {}", resolved.stale[i].value("id", base::Json()).dump());
    }
  }
  return text + ShowGroups(done.groups, release, file);
}

}  // namespace cli
