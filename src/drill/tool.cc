#include "drill/tool.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/process.h"

namespace drill {

Tool::Tool(std::filesystem::path project, std::string database_url)
    : project_(std::move(project)), database_url_(std::move(database_url)) {}

Tool::Finished Tool::Run(const std::vector<std::string>& arguments) {
  base::StopIfInterrupted();
  base::Command command{.argv = {std::filesystem::read_symlink("/proc/self/exe").string()},
                        .env = {{"DATABASE_URL", database_url_}, {"SWITCHBACK_ENV", ""}},
                        .inherit = base::Inherit::kAll,
                        .cwd = project_};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.argv.emplace_back("--json");
  const auto begin = std::chrono::steady_clock::now();
  base::Finished child = base::Run(command);
  base::StopIfInterrupted();
  Finished finished;
  finished.command = fmt::format("switchback {}", fmt::join(arguments, " "));
  finished.exit = child.exit;
  finished.envelope = base::Json::parse(child.out, nullptr, /*allow_exceptions=*/false);
  if (finished.envelope.is_discarded()) finished.envelope = nullptr;
  finished.messages = child.err;
  finished.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  return finished;
}

Tool::Finished Tool::Expect(const std::vector<std::string>& arguments, int exit) {
  Finished finished = Run(arguments);
  if (finished.exit == exit && finished.envelope.is_object()) return finished;
  throw base::Error(base::Code::kDrillCommand,
                    fmt::format("`{}` ended with exit code {}, not {}", finished.command, finished.exit, exit))
      .Detail(finished.envelope.is_object() ? finished.envelope.dump(1) : finished.messages);
}

}  // namespace drill
