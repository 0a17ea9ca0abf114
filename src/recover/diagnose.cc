#include "recover/diagnose.h"

#include <fmt/core.h>

#include <functional>
#include <string_view>

#include "base/error.h"
#include "journal/mirror.h"
#include "recover/advice.h"
#include "recover/sql_text.h"
#include "recover/text_at.h"
#include "run/drift.h"
#include "run/look.h"

namespace recover {
namespace {

using base::Json;
using journal::Event;
using journal::Position;

std::string Sql(std::string_view text) { return std::string(text); }

// "{\"a\",\"b\"}".
std::string TextArray(const std::vector<pg::QualifiedName>& names, const std::string pg::QualifiedName::*part) {
  std::string array = "{";
  for (const pg::QualifiedName& name : names) {
    std::string quoted;
    for (const char c : name.*part) quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    array += fmt::format("{}\"{}\"", array.size() == 1 ? "" : ",", quoted);
  }
  return array + "}";
}

// A restore that was made and found equal to what the checkpoint knows.
bool ProvesRestore(const Event& event) {
  if (event.kind == "proven") return true;
  if (event.kind != "restored") return false;
  const Json verification = event.body.value("verification", Json::object());
  return TextAt(verification, "schema") == "equal" && TextAt(verification, "contents") != "different";
}

std::optional<std::int64_t> RestoreTime(const Event& event) {
  std::optional<std::int64_t> total;
  const bool whole = event.body.contains("took_ms");
  for (const char* part : {"took_ms", "copy_ms", "recover_ms", "verify_ms"}) {
    const Json value = event.body.value(part, Json());
    const bool counts = whole == (std::string_view(part) == "took_ms");
    if (counts && value.is_number_integer()) total = total.value_or(0) + value.get<std::int64_t>();
  }
  return total;
}

class Examiner {
 public:
  Examiner(const Case& subject, pg::Connection* connection) : subject_(subject), connection_(connection) {
    found_.release = subject.release.name;
    found_.at = subject.now;
    found_.problems = subject.problems;
    found_.asked_database = connection != nullptr;
  }

  Diagnosis Run(const std::string& unreachable) {
    if (connection_ == nullptr) {
      found_.problems.push_back(fmt::format("The database was not asked{}{}: the journal alone speaks.",
                                            unreachable.empty() ? "" : ": ", unreachable));
    }
    Try("where the release stands", [this] { FindPosition(); });
    ReadJournal();
    if (connection_ != nullptr) {
      Try("the touched objects", [this] { CompareObjects(); });
      Try("the invariants", [this] {
        found_.invariants = proof::AskInvariants(*connection_, subject_.release.invariants, subject_.invariant_timeout);
      });
      Try("unconverted rows and backfills", [this] { ReadBookkeeping(); });
      Try("invalid indexes", [this] { ReadInvalidIndexes(); });
      Try("the applications", [this] { found_.applications = ReadApplications(*connection_); });
    }
    found_.restore_point = subject_.checkpoint;
    found_.next = Advise(found_, subject_);
    return std::move(found_);
  }

 private:
  // What fails is told, and the rest is still looked at.
  void Try(const char* what, const std::function<void()>& look) {
    if (connection_ != nullptr && connection_->Broken()) {
      found_.problems.push_back(fmt::format("Not found out, because the connection broke: {}.", what));
      return;
    }
    try {
      look();
    } catch (const base::Error& error) {
      found_.problems.push_back(fmt::format("Not found out: {}. {}{}{}", what, error.message(),
                                            error.detail().empty() ? "" : ": ", error.detail()));
    }
  }

  void FindPosition() {
    if (subject_.plan == nullptr || subject_.journal == nullptr) {
      found_.standing = "Where the release stands is not known: its plan or its journal cannot be read.";
      return;
    }
    const plan::Plan& plan = *subject_.plan;
    position_ = connection_ == nullptr ? journal::Derive(plan, subject_.journal->events(), {})
                                       : run::WhereItStands(*connection_, plan, *subject_.journal);
    found_.boundary = position_->Boundary(plan);
    found_.standing = fmt::format("{} of {} steps are done; the last complete phase is {}.", position_->done,
                                  plan.steps.size(), plan::Name(*found_.boundary));
    found_.rewound = !position_->rewound.empty();
    if (found_.rewound) {
      found_.standing += fmt::format(" What it did since is gone: the server was restored ({}).", position_->rewound);
    }
    FindTrouble(plan);
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      found_.steps.push_back({plan.steps[i].id, plan.steps[i].title, StateOf(plan, i)});
    }
  }

  std::string StateOf(const plan::Plan& plan, std::size_t index) const {
    if (position_->half == index) return "half done";
    if (position_->in_flight == index && position_->state == Position::State::kInterrupted) {
      const bool known = connection_ != nullptr || position_->failed;
      if (!known) return "not known";
      if (!journal::InOneTransaction(plan.steps[index], position_->direction)) return "half done";
      return position_->direction == journal::Direction::kForward ? "rolled back" : "done";
    }
    return index < position_->done ? "done" : "not begun";
  }

  const Event* LastFailureOf(const std::string& step) const {
    const Event* last = nullptr;
    for (const Event& event : subject_.journal->events()) {
      if (event.kind == "failed" && TextAt(event.body, "step") == step) last = &event;
    }
    return last;
  }

  const Event* IntentOf(std::int64_t seq) const {
    for (const Event& event : subject_.journal->events()) {
      if (event.seq == seq) return &event;
    }
    return nullptr;
  }

  void FindTrouble(const plan::Plan& plan) {
    if (position_->state == Position::State::kDrifted) {
      found_.problems.push_back(position_->problem + ".");
      return;
    }
    if (position_->state != Position::State::kInterrupted || !position_->in_flight) return;
    const plan::Step& step = plan.steps[*position_->in_flight];
    found_.trouble = Diagnosis::Trouble{};
    Diagnosis::Trouble& trouble = *found_.trouble;
    trouble.step = step.id;
    trouble.title = step.title;
    trouble.phase = step.phase;
    trouble.direction = position_->direction;
    const bool whole = journal::InOneTransaction(step, position_->direction);
    if (const Event* failure = position_->failed ? LastFailureOf(step.id) : nullptr) {
      trouble.what = "failed";
      trouble.at = base::FormatTime(failure->at);
      trouble.error = failure->body.value("error", Json());
      trouble.text = fmt::format("Step {} ({}) failed on its way {}; {}.", step.id, step.title,
                                 journal::Name(position_->direction),
                                 whole ? "its transaction was rolled back" : "it may be half done");
    } else {
      const Event* intent = IntentOf(position_->intent);
      trouble.what = whole ? "interrupted" : "half done";
      trouble.at = intent == nullptr ? "" : base::FormatTime(intent->at);
      trouble.text = fmt::format("Step {} ({}) was begun on its way {}, and its end is not on record{}.", step.id,
                                 step.title, journal::Name(position_->direction),
                                 connection_ == nullptr ? "; only the database knows what became of it"
                                 : whole                ? "; its transaction did not commit"
                                                        : "; it is half done");
    }
  }

  void ReadJournal() {
    if (subject_.journal == nullptr) return;
    for (const Event& event : subject_.journal->events()) {
      if (event.kind == "kept") ReadKept(event);
      if (event.kind == "checkpoint") found_.proven_at.clear();
      if (ProvesRestore(event)) {
        found_.proven_at = base::FormatTime(event.at);
        found_.restore_ms = RestoreTime(event);
      }
    }
    if (subject_.journal->torn_tail()) {
      found_.problems.emplace_back("The last line of the journal was torn by a crash; the next command cuts it off.");
    }
  }

  void ReadKept(const Event& event) {
    for (const Json& row : event.body.value("rows", Json::array())) {
      const Json key = row.value("key", Json());
      found_.kept.push_back(
          {TextAt(row, "table"), "", key.is_string() ? key.get<std::string>() : key.dump(), TextAt(row, "reason")});
    }
  }

  void CompareObjects() {
    if (subject_.plan == nullptr || !position_) return;
    if (position_->half) {
      found_.problems.push_back(fmt::format("The touched objects were not compared: step {} is half done.",
                                            subject_.plan->steps[*position_->half].id));
      return;
    }
    found_.drift = run::FindDrift(*connection_, *subject_.plan).forward;
  }

  void ReadBookkeeping() {
    if (!journal::SchemaInstalled(*connection_)) return;
    const std::string& release = subject_.release.name;
    found_.unconverted = ReadUnconverted(*connection_, release, subject_.plan);
    const pg::Result parts = connection_->Query(Sql(sql_text::kBackfillProgress), {release});
    for (int i = 0; i < parts.rows(); ++i) {
      found_.backfills.push_back(
          {parts.Text(i, 0), parts.Text(i, 1), parts.Int(i, 2), parts.Int(i, 3), parts.Int(i, 4), parts.Bool(i, 5)});
    }
  }

  void ReadInvalidIndexes() {
    if (subject_.plan == nullptr) return;
    const std::vector<pg::QualifiedName>& tables = subject_.plan->tables;
    const pg::Result rows = connection_->Query(
        Sql(sql_text::kInvalidIndexes),
        {TextArray(tables, &pg::QualifiedName::schema), TextArray(tables, &pg::QualifiedName::name)});
    for (int i = 0; i < rows.rows(); ++i) {
      found_.invalid_indexes.push_back(fmt::format("{} on {}", rows.Text(i, 0), rows.Text(i, 1)));
    }
  }

  const Case& subject_;
  pg::Connection* connection_;
  std::optional<Position> position_;
  Diagnosis found_;
};

}  // namespace

std::vector<Diagnosis::Application> ReadApplications(pg::Connection& connection) {
  std::vector<Diagnosis::Application> applications;
  const pg::Result rows = connection.Exec(Sql(sql_text::kApplications));
  for (int i = 0; i < rows.rows(); ++i) {
    applications.push_back({rows.Text(i, 0), rows.Text(i, 1), rows.Int(i, 2), rows.Int(i, 3)});
  }
  return applications;
}

bool Diagnosis::Healthy() const {
  if (!asked_database || !problems.empty() || trouble || unconverted.count > 0 || !invalid_indexes.empty())
    return false;
  if (!drift || !drift->empty() || !invariants) return false;
  for (const proof::InvariantResult& invariant : *invariants) {
    if (invariant.holds != true) return false;
  }
  return true;
}

Diagnosis Diagnose(const Case& subject, pg::Connection* connection, const std::string& unreachable) {
  return Examiner(subject, connection).Run(unreachable);
}

}  // namespace recover
