#include <fmt/core.h>

#include "recover/diagnose.h"
#include "recover/text_at.h"

namespace recover {
namespace {

using base::Json;

Json RowsJson(const std::vector<Unconverted::Row>& rows) {
  Json list = Json::array();
  for (const Unconverted::Row& row : rows) {
    list.push_back({{"relation", row.relation}, {"column", row.column}, {"key", row.key}, {"reason", row.reason}});
  }
  return list;
}

Json TroubleJson(const Diagnosis::Trouble& trouble) {
  return {{"step", trouble.step},
          {"title", trouble.title},
          {"phase", plan::Name(trouble.phase)},
          {"direction", journal::Name(trouble.direction)},
          {"what", trouble.what},
          {"at", trouble.at},
          {"error", trouble.error},
          {"text", trouble.text}};
}

Json PartsJson(const Diagnosis& diagnosis) {
  Json steps = Json::array();
  for (const auto& step : diagnosis.steps) {
    steps.push_back({{"id", step.id}, {"title", step.title}, {"state", step.state}});
  }
  Json backfills = Json::array();
  for (const auto& backfill : diagnosis.backfills) {
    backfills.push_back({{"step", backfill.step},
                         {"relation", backfill.relation},
                         {"rows", backfill.rows},
                         {"blocks_done", backfill.blocks_done},
                         {"blocks", backfill.blocks},
                         {"done", backfill.done}});
  }
  return {{"steps", steps}, {"backfills", backfills}, {"invalid_indexes", diagnosis.invalid_indexes}};
}

Json InvariantsJson(const std::optional<std::vector<proof::InvariantResult>>& invariants) {
  if (!invariants) return nullptr;
  Json list = Json::array();
  for (const proof::InvariantResult& invariant : *invariants) {
    list.push_back({{"name", invariant.name},
                    {"expected", invariant.expected},
                    {"found", invariant.found},
                    {"holds", invariant.holds ? Json(*invariant.holds) : Json()},
                    {"error", invariant.error}});
  }
  return list;
}

Json RestorePointJson(const Diagnosis& diagnosis) {
  if (!diagnosis.restore_point) return nullptr;
  const RestorePoint& point = *diagnosis.restore_point;
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(diagnosis.at - point.taken_at);
  return {{"name", point.name},
          {"lsn", point.lsn},
          {"backup", point.backup},
          {"taken_at", base::FormatTime(point.taken_at)},
          {"age_ms", age.count()},
          {"proven_at", diagnosis.proven_at.empty() ? Json() : Json(diagnosis.proven_at)},
          {"restore_ms", diagnosis.restore_ms ? Json(*diagnosis.restore_ms) : Json()}};
}

// A server's message can have several lines; each stands under the heading that it belongs to.
std::string Indented(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\n    ") : std::string(1, c);
  return out;
}

class Page {
 public:
  void Heading(const std::string& heading) { text_ += fmt::format("{}{}", text_.empty() ? "" : "\n", heading); }
  void Line(const std::string& line) { text_ += "\n  " + Indented(line); }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

void TroubleText(Page& page, const Diagnosis::Trouble& trouble) {
  page.Heading("Trouble");
  page.Line(trouble.text + (trouble.at.empty() ? "" : " (" + trouble.at + ")"));
  if (!trouble.error.is_object()) return;
  page.Line(fmt::format("{}: {}", TextAt(trouble.error, "code"), TextAt(trouble.error, "message")));
  if (const std::string detail = TextAt(trouble.error, "detail"); !detail.empty()) page.Line(detail);
}

void PartsText(Page& page, const Diagnosis& diagnosis) {
  if (!diagnosis.steps.empty()) page.Heading("Steps");
  for (const auto& step : diagnosis.steps) page.Line(fmt::format("{:<12} {:<12} {}", step.state, step.id, step.title));
  for (const auto& backfill : diagnosis.backfills) {
    page.Line(fmt::format("backfill {} of {}: {} rows, {} of {} blocks{}", backfill.step, backfill.relation,
                          backfill.rows, backfill.blocks_done, backfill.blocks, backfill.done ? ", done" : ""));
  }
  for (const std::string& index : diagnosis.invalid_indexes) page.Line("invalid index " + index);
}

void InvariantsText(Page& page, const Diagnosis& diagnosis) {
  page.Heading("Invariants");
  if (!diagnosis.invariants) {
    page.Line("not asked");
  } else if (diagnosis.invariants->empty()) {
    page.Line("none declared: nothing was checked");
  } else {
    for (const proof::InvariantResult& invariant : *diagnosis.invariants) {
      const char* state = !invariant.holds ? "not asked" : *invariant.holds ? "holds" : "BROKEN";
      page.Line(fmt::format(
          "{:<10} {}: {}", state, invariant.name,
          invariant.holds ? fmt::format("{}, expected {}", invariant.found, invariant.expected) : invariant.error));
    }
  }
}

void RowsText(Page& page, const Diagnosis& diagnosis) {
  if (diagnosis.unconverted.count > 0) {
    page.Heading(fmt::format("Rows that could not be converted: {}", diagnosis.unconverted.count));
    for (const auto& row : diagnosis.unconverted.rows) {
      page.Line(fmt::format("{} {} {}: {}", row.relation, row.column, row.key, row.reason));
    }
  }
  if (!diagnosis.kept.empty()) {
    page.Heading(fmt::format("Rows that a way back left alone: {}", diagnosis.kept.size()));
    for (const auto& row : diagnosis.kept) page.Line(fmt::format("{} {}: {}", row.relation, row.key, row.reason));
  }
}

void RestorePointText(Page& page, const Diagnosis& diagnosis) {
  page.Heading("Restore point");
  if (!diagnosis.restore_point) {
    page.Line("none: there is no checkpoint");
    return;
  }
  const RestorePoint& point = *diagnosis.restore_point;
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(diagnosis.at - point.taken_at);
  page.Line(fmt::format("{} at {}, taken {} ({} ago), backup {}", point.name, point.lsn,
                        base::FormatTime(point.taken_at), base::FormatDuration(age), point.backup));
  page.Line(diagnosis.proven_at.empty() ? "never restored: not proven"
                                        : "restored and verified " + diagnosis.proven_at);
}

}  // namespace

Json ToJson(const Diagnosis& diagnosis) {
  Json applications = Json::array();
  for (const auto& application : diagnosis.applications) {
    applications.push_back({{"name", application.name},
                            {"user", application.user},
                            {"sessions", application.sessions},
                            {"oldest_transaction_ms", application.oldest_transaction_ms}});
  }
  Json next = Json::array();
  for (const auto& action : diagnosis.next) next.push_back({{"command", action.command}, {"why", action.why}});
  return {{"release", diagnosis.release},
          {"at", base::FormatTime(diagnosis.at)},
          {"asked_database", diagnosis.asked_database},
          {"healthy", diagnosis.Healthy()},
          {"problems", diagnosis.problems},
          {"standing", diagnosis.standing},
          {"phase", diagnosis.boundary ? Json(plan::Name(*diagnosis.boundary)) : Json()},
          {"trouble", diagnosis.trouble ? TroubleJson(*diagnosis.trouble) : Json()},
          {"applied", PartsJson(diagnosis)},
          {"drift", diagnosis.drift ? Json(*diagnosis.drift) : Json()},
          {"invariants", InvariantsJson(diagnosis.invariants)},
          {"unconverted", {{"count", diagnosis.unconverted.count}, {"rows", RowsJson(diagnosis.unconverted.rows)}}},
          {"kept", RowsJson(diagnosis.kept)},
          {"applications", applications},
          {"restore_point", RestorePointJson(diagnosis)},
          {"next", next}};
}

std::string Text(const Diagnosis& diagnosis) {
  Page page;
  page.Heading(fmt::format("{}: {}", diagnosis.release, diagnosis.standing));
  for (const std::string& problem : diagnosis.problems) page.Line("! " + problem);
  if (diagnosis.trouble) TroubleText(page, *diagnosis.trouble);
  PartsText(page, diagnosis);
  page.Heading("Touched objects");
  if (!diagnosis.drift) page.Line("not compared");
  if (diagnosis.drift && diagnosis.drift->empty()) page.Line("as they were left");
  for (const std::string& difference : diagnosis.drift.value_or(std::vector<std::string>())) page.Line(difference);
  InvariantsText(page, diagnosis);
  RowsText(page, diagnosis);
  if (!diagnosis.applications.empty()) page.Heading("Connected now");
  for (const auto& application : diagnosis.applications) {
    page.Line(fmt::format("{} (user {}): {} sessions, oldest transaction {}", application.name, application.user,
                          application.sessions,
                          base::FormatDuration(std::chrono::milliseconds(application.oldest_transaction_ms))));
  }
  RestorePointText(page, diagnosis);
  page.Heading("What to do next");
  for (std::size_t i = 0; i < diagnosis.next.size(); ++i) {
    const auto& action = diagnosis.next[i];
    page.Line(fmt::format("{}. {}{}", i + 1, action.command.empty() ? "" : action.command + "\n   ", action.why));
  }
  return page.Take();
}

}  // namespace recover
