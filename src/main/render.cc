#include "main/render.h"

#include <fmt/core.h>

#include "base/log.h"
#include "base/text.h"
#include "base/version.h"

namespace render {
namespace {

base::Json OrNull(const std::string& text) { return text.empty() ? base::Json(nullptr) : base::Json(text); }

base::Json Common(const std::string& command, const cli::Invocation& invocation, base::Exit exit) {
  return {{"switchback", base::kVersion},
          {"command", OrNull(command)},
          {"release", OrNull(invocation.scope->release)},
          {"environment", OrNull(invocation.scope->environment)},
          {"database", OrNull(invocation.scope->database)},
          {"host", OrNull(invocation.scope->host)},
          {"ok", exit == base::Exit::kDone},
          {"exit", static_cast<int>(exit)},
          {"result", nullptr},
          {"error", nullptr},
          {"next", nullptr}};
}

}  // namespace

base::Json Envelope(const std::string& command, const cli::Invocation& invocation, const cli::Outcome& outcome,
                    const cli::Spelling& spelling) {
  base::Json envelope = Common(command, invocation, outcome.exit);
  envelope["result"] = outcome.quoted ? outcome.result : spelling.Advice(outcome.result);
  envelope["next"] = OrNull(spelling.Text(outcome.next));
  return envelope;
}

base::Json Envelope(const std::string& command, const cli::Invocation& invocation, const base::Error& error,
                    base::Exit exit, const cli::Spelling& spelling) {
  base::Json envelope = Common(command, invocation, exit);
  envelope["error"] = spelling.Advice(error.ToJson());
  envelope["next"] = OrNull(spelling.Text(error.hint()));
  return envelope;
}

std::string Text(const base::Json& envelope) {
  return envelope.dump(2, ' ', false, base::Json::error_handler_t::replace) + "\n";
}

std::string Text(const cli::Invocation& invocation, const cli::Outcome& outcome, const cli::Spelling& spelling) {
  std::string text = outcome.quoted ? outcome.text : spelling.Text(outcome.text);
  const std::string heading = invocation.scope->told || outcome.quoted ? "" : invocation.scope->Heading();
  if (!heading.empty()) text = heading + (text.empty() ? "" : "\n" + text);
  if (!text.empty()) text += "\n";
  if (!outcome.next.empty()) text += fmt::format("{}next: {}\n", text.empty() ? "" : "\n", spelling.Text(outcome.next));
  return base::Printable(text);
}

}  // namespace render
