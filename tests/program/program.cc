#include "program.h"

#include <gtest/gtest.h>

#include "base/digest.h"

namespace test {

base::Finished Switchback(const std::filesystem::path& cwd, const std::vector<std::string>& words,
                          const std::map<std::string, std::string>& env) {
  base::Command command{.argv = {SB_PROGRAM}, .inherit = base::Inherit::kAll, .cwd = cwd};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  for (const char* name :
       {"DATABASE_URL", "SWITCHBACK_ENV", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER"}) {
    command.env[name] = "";
  }
  for (const auto& [name, value] : env) command.env[name] = value;
  return base::Run(command);
}

base::Json Envelope(const std::filesystem::path& cwd, std::vector<std::string> words,
                    const std::map<std::string, std::string>& env) {
  words.emplace_back("--json");
  const base::Finished finished = Switchback(cwd, words, env);
  const base::Json envelope = base::Json::parse(finished.out, nullptr, false);
  EXPECT_TRUE(envelope.is_object()) << finished.out << finished.err;
  if (!envelope.is_object()) return base::Json::object();
  EXPECT_EQ(envelope.value("exit", -1), finished.exit);
  EXPECT_EQ(envelope.value("ok", finished.exit != 0), finished.exit == 0);
  return envelope;
}

Directory::Directory() : path_(std::filesystem::temp_directory_path() / ("sb-program-" + base::RandomHex(6))) {
  std::filesystem::create_directories(path_);
}

Directory::~Directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace test
