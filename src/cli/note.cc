#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/who.h"
#include "journal/journal.h"
#include "run/look.h"

namespace cli {
namespace {

// A file that is gone is rebuilt from the database first: a new one would tell another story than the mirror.
journal::Journal OpenJournal(Context& context) {
  journal::Journal journal = journal::Journal::Open(context.StateDirectory());
  if (!journal.events().empty()) return journal;
  pg::Connection connection = context.Connect();
  return run::OpenJournal(connection, context.release().name, context.StateDirectory());
}

Outcome RunNote(const Invocation& invocation) {
  Context context(invocation);
  const std::string text = fmt::format("{}", fmt::join(invocation.Arguments("TEXT"), " "));
  if (text.find_first_not_of(" \t\n") == std::string::npos) throw base::Error(base::Code::kUsage, "the note is empty");
  journal::Journal journal = OpenJournal(context);
  journal.AskedBy(WhoAsks(context.release().directory));
  const journal::Event& event = journal.Append("note", {{"text", text}});
  return {.result = {{"seq", event.seq}, {"text", text}},
          .text = fmt::format("noted as line {} of {}", event.seq, release::ShownPath(journal.path()).string())};
}

}  // namespace

Command Note() {
  return {.name = "note",
          .summary = "Write a remark into the journal of a release",
          .arguments = {{.name = "RELEASE",
                         .help = "a release below releases/, a beginning of its name that no other has, or a path"},
                        {.name = "TEXT", .help = "the remark; several words are joined", .many = true}},
          .text =
              "The note becomes a line of the journal and stands in the evidence. The database is needed only where "
              "the journal's file is\n"
              "not on this machine.",
          .verb = RunNote,
          .changes = true};
}

}  // namespace cli
