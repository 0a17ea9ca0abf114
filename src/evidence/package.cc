#include "evidence/package.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <system_error>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "evidence/compose.h"
#include "evidence/report.h"
#include "plan/plan.h"
#include "release/release.h"

namespace evidence {
namespace {

namespace fs = std::filesystem;
using base::Json;

constexpr const char* kTemporary = ".tmp";

std::string DigestOf(const std::string& text) { return "sha256:" + base::Sha256Hex(text); }

// "20261122T154830.123456Z": sorts by time, and is a file name everywhere.
std::string DirectoryName(base::Time time) {
  std::string name;
  for (const char c : base::FormatTime(time)) {
    if (c != '-' && c != ':') name += c;
  }
  return name;
}

std::map<std::string, std::string> Files(const Inputs& inputs) {
  std::map<std::string, std::string> files = inputs.files;
  std::string& journal = files[kJournalFile];
  for (const journal::Event& event : inputs.events) journal += journal::ToLine(event) + "\n";
  const Json evidence = Compose(SourcesOf(files, inputs.events));
  files[kEvidenceFile] = base::Canonical(evidence) + "\n";
  files[kReportFile] = Report(evidence);
  files[kSumsFile] = Sums(files);
  return files;
}

void RemoveLeftovers(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == kTemporary) fs::remove_all(entry.path());
  }
}

void SyncDirectory(const fs::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

Json InputsBody(const Inputs& inputs) {
  Json digests = Json::object();
  for (const auto& [name, text] : inputs.files) digests[name] = DigestOf(text);
  return {{"release", inputs.release},
          {"environment", inputs.environment},
          {"version", inputs.program_version},
          {"files", digests}};
}

Sources SourcesOf(const std::map<std::string, std::string>& files, const std::vector<journal::Event>& events) {
  const auto text = [&](const char* name) -> const std::string& {
    const auto found = files.find(name);
    if (found == files.end()) throw base::Error(base::Code::kBadJson, fmt::format("{} is missing", name));
    return found->second;
  };
  if (events.empty() || events.back().kind != "inputs") {
    throw base::Error(base::Code::kBadJson, "the journal does not end with what the package is built of");
  }
  const Json& inputs = events.back().body;
  Sources sources;
  sources.declared = Declare(release::ReadDeclared(text(kReleaseFile), inputs.at("release")), inputs.at("environment"));
  sources.plan = plan::PlanFromJson(base::ParseJson(text(kPlanFile), kPlanFile));
  sources.events = events;
  if (files.contains(kCheckpointFile)) {
    sources.checkpoint = base::ParseJson(text(kCheckpointFile), kCheckpointFile);
  }
  for (const char* name : {kPlanFile, kJournalFile, kCheckpointFile, kReleaseFile, kChangeFile}) {
    if (files.contains(name)) sources.digests[name] = DigestOf(text(name));
  }
  sources.built_at = events.back().at;
  sources.program_version = inputs.at("version");
  return sources;
}

std::string Sums(const std::map<std::string, std::string>& files) {
  std::string text;
  for (const auto& [name, content] : files) text += base::Sha256Hex(content) + "  " + name + "\n";
  return text;
}

fs::path Build(const fs::path& state_directory, const Inputs& inputs) {
  const std::map<std::string, std::string> files = Files(inputs);
  const fs::path directory = state_directory / "evidence";
  const fs::path package = directory / DirectoryName(inputs.events.back().at);
  if (fs::exists(package)) {
    throw base::Error(base::Code::kEvidenceExists, "there is a package already: " + package.string());
  }
  base::MakeDirectories(directory);
  RemoveLeftovers(directory);
  const fs::path temporary = package.string() + kTemporary;
  base::MakeDirectories(temporary);
  for (const auto& [name, content] : files) base::WriteFile(temporary / name, content);
  std::error_code error;
  fs::rename(temporary, package, error);
  if (error) throw base::Error(base::Code::kFileWrite, "cannot write " + package.string()).Detail(error.message());
  SyncDirectory(directory);
  return package;
}

fs::path Newest(const fs::path& state_directory) {
  fs::path newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(state_directory / "evidence", error)) {
    if (entry.is_directory() && entry.path().extension() != kTemporary && entry.path() > newest) newest = entry.path();
  }
  if (newest.empty()) {
    throw base::Error(base::Code::kNoEvidence, "there is no evidence package under " + state_directory.string());
  }
  return newest;
}

std::string PackageDigest(const fs::path& package) { return DigestOf(base::ReadFile(package / kSumsFile)); }

}  // namespace evidence
