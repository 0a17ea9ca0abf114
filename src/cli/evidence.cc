#include <fmt/core.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/version.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/spelling.h"
#include "cli/who.h"
#include "evidence/package.h"
#include "evidence/verify.h"
#include "journal/journal.h"
#include "journal/mirror.h"
#include "rollout/plan_file.h"
#include "rollout/travel.h"

namespace cli {
namespace {

namespace fs = std::filesystem;

Outcome RunBuild(const Invocation& invocation) {
  Context context(invocation);
  const release::Release& release = context.release();
  const fs::path state = context.StateDirectory();
  auto [journal, plan] = rollout::LookAnyhow(context.DatabaseIfNamed(), release, state);
  if (journal.events().empty()) {
    throw base::Error(base::Code::kNoEvidence,
                      fmt::format("nothing happened to {} in {} yet", release.name, context.project().environment.name))
        .Hint(fmt::format("`switchback checkpoint {}` is the first command that leaves a line in the journal.",
                          release.name));
  }
  journal.AskedBy(WhoAsks(release.directory));
  evidence::Inputs inputs{.release = release.name,
                          .files = release.files,
                          .environment = context.project().environment.name,
                          .program_version = std::string(base::kVersion),
                          .events = {}};
  inputs.files[evidence::kPlanFile] = rollout::PlanText(rollout::Required(plan, release));
  if (auto checkpoint = checkpoint::TextInForce(state)) {
    inputs.files[evidence::kCheckpointFile] = *std::move(checkpoint);
  }
  journal.Append("inputs", evidence::InputsBody(inputs));
  inputs.events = journal.events();
  const fs::path package = evidence::Build(state, inputs);
  const std::string digest = evidence::PackageDigest(package);
  const std::int64_t lines = journal.events().back().seq;
  journal.Append("evidence", {{"digest", digest}, {"package", package.filename().string()}, {"lines", lines}});
  return {.result = {{"package", package.string()}, {"digest", digest}, {"events", lines}},
          .text = fmt::format("{}\n{}", package.string(), digest),
          .next = fmt::format("switchback evidence verify {}", ShellWord(package.string()))};
}

// RELEASE is a package where it is a directory with files of one, maybe not with all; else a release, of which the
// newest package is taken.
bool IsPackage(const std::string& argument) {
  const auto holds = [&](const char* file) { return fs::exists(fs::path(argument) / file); };
  return holds(evidence::kEvidenceFile) || holds(evidence::kSumsFile);
}

fs::path PackageOf(const Invocation& invocation, Context& context) {
  const std::string argument = invocation.Argument("RELEASE");
  return IsPackage(argument) ? fs::path(argument) : evidence::Newest(context.StateDirectory());
}

// The mirror is asked where a database is named: an auditor has none, and must not need one.
std::optional<std::vector<std::string>> Mirror(const Invocation& invocation, Context& context,
                                               const fs::path& package) {
  if (!invocation.database && IsPackage(invocation.Argument("RELEASE"))) return std::nullopt;
  const base::Json evidence = base::ReadJsonFile(package / evidence::kEvidenceFile);
  const std::string release = evidence.at("release").at("name").get<std::string>();
  pg::Connection connection =
      pg::Connection::Open(invocation.database ? ChooseDatabase(invocation, nullptr) : context.Database());
  if (!journal::SchemaInstalled(connection)) return std::vector<std::string>();
  return journal::MirroredLines(connection, release);
}

Outcome RunVerify(const Invocation& invocation) {
  Context context(invocation);
  const fs::path package = PackageOf(invocation, context);
  std::optional<std::vector<std::string>> mirror;
  std::string unasked;
  try {
    mirror = Mirror(invocation, context, package);
  } catch (const base::Error& error) {
    if (invocation.database) throw;
    unasked = error.message();
  } catch (const base::Json::exception&) {
    unasked = "evidence.json cannot be understood";
  }
  evidence::Verification verification = evidence::Verify(package, mirror);
  if (!unasked.empty()) verification.unchecked.push_back(fmt::format("The mirror was not asked: {}.", unasked));
  return {.exit = verification.Holds() ? base::Exit::kDone : base::Exit::kUnverified,
          .result = evidence::ToJson(verification),
          .text = evidence::Text(verification),
          .next = verification.Holds() ? "" : "Keep this package as it is, and ask for it anew."};
}

Outcome RunShow(const Invocation& invocation) {
  Context context(invocation);
  const fs::path package = PackageOf(invocation, context);
  std::string report = base::ReadFile(package / evidence::kReportFile);
  while (report.ends_with('\n')) report.pop_back();
  return {.result = base::ReadJsonFile(package / evidence::kEvidenceFile),
          .text = report,
          .next = fmt::format("switchback evidence verify {}", ShellWord(package.string())),
          .quoted = true};
}

const Argument kPackage = {.name = "RELEASE", .help = "the release, or the directory of a package"};

}  // namespace

Command EvidenceBuild() {
  return {.name = "evidence build",
          .summary = "Build the evidence package of a release",
          .arguments = {{.name = "RELEASE", .help = "the release"}},
          .text =
              "The package is a directory below .switchback/ENVIRONMENT/RELEASE/evidence/. It needs no database, "
              "neither to be built nor to be verified.",
          .verb = RunBuild};
}

Command EvidenceVerify() {
  return {.name = "evidence verify",
          .summary = "Check that an evidence package holds, and name what does not",
          .arguments = {kPackage},
          .text =
              "Everything that the package derives is derived again: digests, the journal's chain, each verdict, "
              "evidence.json and report.md. Where a database is named, the journal is compared with its mirror there. "
              "Exit code 13 says that something does not hold.",
          .verb = RunVerify};
}

Command EvidenceShow() {
  return {.name = "evidence show",
          .summary = "Print the report of an evidence package",
          .arguments = {kPackage},
          .verb = RunShow};
}

}  // namespace cli
