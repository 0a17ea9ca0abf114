#include "evidence/verify.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <system_error>

#include "base/digest.h"
#include "base/file.h"
#include "evidence/compose.h"
#include "evidence/facts.h"
#include "evidence/package.h"
#include "evidence/report.h"
#include "evidence/runs.h"
#include "gate/gate.h"
#include "journal/event.h"
#include "plan/plan.h"

namespace evidence {
namespace {

namespace fs = std::filesystem;
using base::Json;

constexpr std::array kRequired = {kEvidenceFile, kReportFile, kJournalFile, kPlanFile,
                                  kReleaseFile,  kChangeFile, kSumsFile};

std::string KindOf(journal::Break broken) {
  switch (broken) {
    case journal::Break::kNone:
      return "";
    case journal::Break::kTorn:
      return "torn";
    case journal::Break::kChanged:
      return "changed";
    case journal::Break::kRemoved:
      return "removed";
    case journal::Break::kReordered:
      return "reordered";
    case journal::Break::kShortened:
      return "shortened";
  }
  return "";
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::string DigestOf(const Json& json) { return "sha256:" + base::Sha256Hex(base::Canonical(json)); }

// The path of the first member that differs, "rollback.owner".
std::string FirstDifference(const Json& a, const Json& b, const std::string& path) {
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, value] : a.items()) {
      const std::string inner = path.empty() ? key : path + "." + key;
      if (!b.contains(key)) return inner;
      if (value != b.at(key)) return FirstDifference(value, b.at(key), inner);
    }
    for (const auto& [key, value] : b.items()) {
      if (!a.contains(key)) return path.empty() ? key : path + "." + key;
    }
  } else if (a.is_array() && b.is_array() && a.size() == b.size()) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] != b[i]) return FirstDifference(a[i], b[i], fmt::format("{}[{}]", path, i));
    }
  }
  return path;
}

class Verifier {
 public:
  explicit Verifier(fs::path package) : package_(std::move(package)) {}

  Verification Run(const std::optional<std::vector<std::string>>& mirror) {
    ReadFiles();
    ReadEvidence();
    CheckJournal();
    CheckSums();
    CheckPlan();
    CheckInputs();
    CheckVerdicts();
    CheckCheckpoint();
    CheckComposed();
    CheckReport();
    CheckMirror(mirror);
    std::stable_sort(result_.findings.begin(), result_.findings.end(), [](const Finding& a, const Finding& b) {
      return (a.file == kJournalFile) > (b.file == kJournalFile);
    });
    return std::move(result_);
  }

 private:
  void Find(const char* file, std::int64_t line, std::string kind, std::string text) {
    result_.findings.push_back({file, line, std::move(kind), std::move(text)});
  }
  void Checked(std::string text) { result_.checked.push_back(std::move(text)); }
  void Unchecked(std::string text) { result_.unchecked.push_back(std::move(text)); }

  void ReadFiles() {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(package_)) {
      const std::string name = entry.path().filename().string();
      names.insert(name);
      const bool known =
          name == kCheckpointFile || std::find(kRequired.begin(), kRequired.end(), name) != kRequired.end();
      if (!known) {
        Find(name.c_str(), 0, "extra", "The package does not have this file.");
      } else if (entry.is_symlink()) {
        Find(name.c_str(), 0, "symlink", "This is a symbolic link: what it leads to is not part of the package.");
      } else if (!entry.is_regular_file()) {
        Find(name.c_str(), 0, "unreadable", "This is no regular file.");
      } else {
        ReadOne(name);
      }
    }
    for (const char* name : kRequired) {
      if (!names.contains(name)) Find(name, 0, "missing", "The file is missing.");
    }
  }

  void ReadOne(const std::string& name) {
    try {
      files_[name] = base::ReadFile(package_ / name);
    } catch (const base::Error& error) {
      Find(name.c_str(), 0, "unreadable", error.detail());
    }
  }

  const std::string* File(const char* name) const {
    const auto found = files_.find(name);
    return found == files_.end() ? nullptr : &found->second;
  }

  void ReadEvidence() {
    const std::string* text = File(kEvidenceFile);
    if (text == nullptr) return;
    try {
      Json evidence = base::ParseJson(*text, kEvidenceFile);
      if (base::Canonical(evidence) + "\n" != *text)
        Find(kEvidenceFile, 0, "changed", "It is not in its canonical form.");
      if (const int version = evidence.at("version").get<int>(); version != kFormatVersion) {
        Find(kEvidenceFile, 0, "unreadable",
             fmt::format("It has format version {}; this program knows version {}.", version, kFormatVersion));
        return;
      }
      result_.release = evidence.at("release").at("name").get<std::string>();
      count_ = evidence.at("journal").at("count").get<std::int64_t>();
      head_ = evidence.at("journal").at("head").get<std::string>();
      evidence_ = std::move(evidence);
    } catch (const base::Error& error) {
      Find(kEvidenceFile, 0, "changed", fmt::format("It cannot be understood: {}.", error.detail()));
    } catch (const Json::exception& error) {
      Find(kEvidenceFile, 0, "changed", fmt::format("It cannot be understood: {}.", error.what()));
    }
  }

  void CheckJournal() {
    const std::string* text = File(kJournalFile);
    if (text == nullptr) return;
    journal::ChainCheck check = journal::CheckChain(*text, count_, head_);
    const auto read = static_cast<std::int64_t>(check.events.size());
    if (check.torn_tail) {
      Find(kJournalFile, read + 1, "torn", fmt::format("line {} is no whole journal line", read + 1));
    } else if (check.broken != journal::Break::kNone) {
      Find(kJournalFile, check.line, KindOf(check.broken), check.text);
    } else if (evidence_ && read > count_) {
      Find(kJournalFile, count_ + 1, "appended",
           fmt::format("line {} was appended: evidence.json knows {} lines", count_ + 1, count_));
    } else if (evidence_) {
      chain_holds_ = true;
      Checked(fmt::format("The chain of {} journal lines holds, with the count and the head that evidence.json states.",
                          read));
    } else {
      Unchecked("The journal's count and head were not compared: evidence.json cannot be read.");
    }
    result_.events = read;
    events_ = std::move(check.events);
  }

  void CheckSums() {
    const std::string* sums = File(kSumsFile);
    if (sums == nullptr) return;
    std::map<std::string, std::string> content = files_;
    content.erase(kSumsFile);
    const std::vector<std::string> expected = Lines(Sums(content));
    const std::vector<std::string> stated = Lines(*sums);
    std::map<std::string, std::string> digests;
    for (std::size_t i = 0; i < stated.size(); ++i) {
      const std::string& line = stated[i];
      const auto number = static_cast<std::int64_t>(i) + 1;
      if (line.size() < 67 || line.substr(64, 2) != "  " ||
          !digests.emplace(line.substr(66), line.substr(0, 64)).second) {
        Find(kSumsFile, number, "changed", fmt::format("line {} is no line of SHA256SUMS", number));
      }
    }
    CompareSums(content, digests);
    if (expected == stated) {
      if (Sums(content) != *sums) Find(kSumsFile, 0, "changed", "It is not in its usual form.");
      Checked(fmt::format("{} files have their digests.", expected.size()));
    }
  }

  void CompareSums(const std::map<std::string, std::string>& content,
                   const std::map<std::string, std::string>& stated) {
    for (const auto& [name, text] : content) {
      const auto found = stated.find(name);
      if (found == stated.end()) {
        Find(kSumsFile, 0, "changed", fmt::format("{} is not listed.", name));
      } else if (found->second != base::Sha256Hex(text)) {
        Find(name.c_str(), 0, "changed", "Its digest is not the one in SHA256SUMS.");
      }
    }
    for (const auto& [name, digest] : stated) {
      if (!content.contains(name)) Find(kSumsFile, 0, "missing", fmt::format("{} is listed and is not there.", name));
    }
  }

  void CheckPlan() {
    const std::string* text = File(kPlanFile);
    if (text == nullptr) return;
    try {
      plan_ = plan::PlanFromJson(base::ParseJson(*text, kPlanFile));
      Checked("The plan has the digest that it states.");
    } catch (const base::Error& error) {
      Find(kPlanFile, 0, "changed", error.message() + (error.detail().empty() ? "" : ": " + error.detail()));
    }
  }

  // The journal names each file of which the package was built.
  void CheckInputs() {
    if (!chain_holds_) return;
    if (events_.empty() || events_.back().kind != "inputs") {
      Find(kJournalFile, result_.events, "derived", "The journal does not end with what the package was built of.");
      return;
    }
    const Json stated = events_.back().body.value("files", Json::object());
    for (const char* name : {kReleaseFile, kChangeFile, kPlanFile, kCheckpointFile}) {
      const std::string* text = File(name);
      const std::string digest = text == nullptr ? "" : "sha256:" + base::Sha256Hex(*text);
      if (stated.value(name, "") != digest) {
        Find(name, 0, "changed", fmt::format("It is not the file that journal line {} names.", events_.back().seq));
      }
    }
    for (const journal::Event& event : events_) {
      if (event.kind != "opened") continue;
      const Json then = event.body.value("files", Json::object());
      for (const char* name : {kReleaseFile, kChangeFile}) {
        if (then.contains(name) && then.at(name) != stated.value(name, "")) {
          Unchecked(fmt::format("{} was another one when the release was opened (journal line {}).", name, event.seq));
        }
      }
    }
    Checked("The files are those that the journal says the package was built of.");
  }

  void CheckVerdicts() {
    std::size_t verdicts = 0;
    const std::size_t before = result_.findings.size();
    for (std::size_t i = 0; i < events_.size(); ++i) {
      const journal::Event& event = events_[i];
      if (event.kind != "verdict") continue;
      ++verdicts;
      try {
        std::optional<std::string> difference = gate::Replay(event.body);
        if (!difference) difference = ContradictedFact(std::span(events_).first(i), event, File(kReleaseFile));
        if (difference) Find(kJournalFile, event.seq, "verdict", fmt::format("line {}: {}", event.seq, *difference));
      } catch (const base::Error& error) {
        Find(kJournalFile, event.seq, "verdict", fmt::format("line {}: {}", event.seq, error.message()));
      } catch (const Json::exception& error) {
        Find(kJournalFile, event.seq, "verdict", fmt::format("line {}: {}", event.seq, error.what()));
      }
    }
    if (result_.findings.size() == before)
      Checked(fmt::format("{} verdicts follow from their recorded facts, and these agree with the rest.", verdicts));
  }

  // The checkpoint that the journal speaks of last must be the one in the package. Its proof may have been added since.
  void CheckCheckpoint() {
    const std::string* text = File(kCheckpointFile);
    const journal::Event* taken = nullptr;
    std::set<std::string> known;  // digests of it: as taken, and with its proof
    for (const journal::Event& event : events_) {
      if (event.kind == "checkpoint") {
        taken = &event;
        known.clear();
      }
      if (event.kind == "checkpoint" || event.kind == "proven") known.insert(TextAt(event.body, "digest"));
    }
    if (text == nullptr) {
      if (taken != nullptr) Unchecked(fmt::format("The checkpoint of journal line {} is not here.", taken->seq));
      return;
    }
    try {
      Json body = base::ParseJson(*text, kCheckpointFile);
      const std::string stated = TextAt(body, "digest");
      body.erase("digest");
      const std::string digest = DigestOf(body);
      if (stated != digest) {
        Find(kCheckpointFile, 0, "changed", "Its digest is not that of its content.");
      } else if (taken == nullptr || !known.contains(digest)) {
        Find(kCheckpointFile, 0, "changed", "It is not the checkpoint that the journal speaks of.");
      } else {
        Checked(fmt::format("checkpoint.json is the one of journal line {}.", taken->seq));
      }
    } catch (const base::Error& error) {
      Find(kCheckpointFile, 0, "changed", fmt::format("It cannot be understood: {}.", error.detail()));
    } catch (const Json::exception& error) {
      Find(kCheckpointFile, 0, "changed", fmt::format("It cannot be understood: {}.", error.what()));
    }
  }

  void CheckComposed() {
    if (!evidence_ || !plan_ || !chain_holds_) {
      Unchecked("evidence.json was not composed again: what it is made of does not hold.");
      return;
    }
    try {
      const Json composed = Compose(SourcesOf(files_, events_));
      if (composed == *evidence_) {
        Checked("evidence.json is what follows from journal, plan and checkpoint.");
      } else {
        Find(kEvidenceFile, 0, "derived",
             fmt::format("It does not follow from the rest of the package: {} differs.",
                         FirstDifference(composed, *evidence_, "")));
      }
    } catch (const base::Error& error) {
      Find(kEvidenceFile, 0, "derived", fmt::format("It cannot be composed again: {}.", error.message()));
    } catch (const Json::exception& error) {
      Find(kEvidenceFile, 0, "derived", fmt::format("It cannot be composed again: {}.", error.what()));
    }
  }

  void CheckReport() {
    const std::string* text = File(kReportFile);
    if (text == nullptr || !evidence_) return;
    try {
      const std::string report = Report(*evidence_);
      if (report == *text) {
        Checked("report.md says what evidence.json says.");
        return;
      }
      const std::vector<std::string> expected = Lines(report);
      const std::vector<std::string> found = Lines(*text);
      const auto differing = std::mismatch(expected.begin(), expected.end(), found.begin(), found.end());
      const auto line = static_cast<std::int64_t>(differing.first - expected.begin()) + 1;
      Find(kReportFile, line, "changed", fmt::format("line {} is not what evidence.json gives", line));
    } catch (const base::Error& error) {
      Find(kReportFile, 0, "derived", fmt::format("It cannot be written again: {}.", error.detail()));
    }
  }

  // The mirror may lag behind the journal, and may have gone on since the package was built; what both have must be
  // equal, and nothing from before the package was built may be missing here.
  void CheckMirror(const std::optional<std::vector<std::string>>& mirror) {
    if (!mirror) {
      Unchecked("The journal was not compared with its mirror in the database.");
      return;
    }
    const std::string* text = File(kJournalFile);
    if (text == nullptr) return;
    const std::vector<std::string> lines = Lines(*text);
    for (std::size_t i = 0; i < mirror->size(); ++i) {
      const auto number = static_cast<std::int64_t>(i) + 1;
      if (i < lines.size() && (*mirror)[i] == lines[i]) continue;
      if (i < lines.size()) {
        Find(kJournalFile, number, "mirror", fmt::format("line {} is another one than the database has", number));
      } else if (!WrittenSince((*mirror)[i])) {
        Find(kJournalFile, number, "shortened", fmt::format("line {} is missing: the database has it", number));
      } else {
        break;
      }
      return;
    }
    Checked(fmt::format("The journal agrees with the {} lines of its mirror in the database.", mirror->size()));
    if (mirror->size() < lines.size()) {
      Unchecked(
          fmt::format("No mirror holds lines {} to {} of the journal: nothing outside this package confirms them.",
                      mirror->size() + 1, lines.size()));
    }
  }

  bool WrittenSince(const std::string& line) const {
    if (!evidence_) return false;
    try {
      return journal::FromLine(line).at > base::ParseTime(evidence_->at("built_at").get<std::string>());
    } catch (const base::Error&) {
      return false;
    } catch (const Json::exception&) {
      return false;
    }
  }

  fs::path package_;
  std::map<std::string, std::string> files_;
  std::optional<Json> evidence_;
  std::optional<plan::Plan> plan_;
  std::vector<journal::Event> events_;
  std::int64_t count_ = 0;
  std::string head_;
  bool chain_holds_ = false;
  Verification result_;
};

}  // namespace

Verification Verify(const fs::path& package, const std::optional<std::vector<std::string>>& mirror) {
  if (!fs::is_directory(package)) {
    throw base::Error(base::Code::kNoEvidence, "there is no evidence package at " + package.string());
  }
  return Verifier(package).Run(mirror);
}

}  // namespace evidence
