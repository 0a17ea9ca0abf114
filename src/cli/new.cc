#include <fmt/core.h>

#include <filesystem>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "release/scaffold.h"

namespace cli {
namespace {

namespace fs = std::filesystem;

Outcome RunNew(const Invocation& invocation) {
  const std::string given = invocation.Argument("NAME");
  const std::string name = release::NewReleaseName(given);
  Context context(invocation);
  const fs::path directory = context.project().root / "releases" / name;
  invocation.scope->release = name;
  std::error_code ignored;
  if (fs::exists(directory, ignored)) {
    throw base::Error(base::Code::kReleaseExists,
                      fmt::format("{} exists already", release::ShownPath(directory).string()));
  }
  release::WriteScaffold(directory, given);
  const std::string shown = release::ShownPath(directory).string();
  return {
      .result = {{"name", name}, {"directory", directory.string()}},
      .text = fmt::format("made {0}/release.yaml, {0}/change.sql and {0}/queries/", shown),
      .next = fmt::format("write {}/change.sql, name an owner in release.yaml, then: switchback plan {}", shown, name)};
}

}  // namespace

Command New() {
  return {.name = "new",
          .summary = "Make the scaffold of a release",
          .arguments = {{.name = "NAME", .help = "lowercase letters, digits and -; today's date is put before it"}},
          .text = "Writes releases/YYYYMMDD-NAME with release.yaml, change.sql and queries/. Nothing else is touched.",
          .verb = RunNew};
}

}  // namespace cli
