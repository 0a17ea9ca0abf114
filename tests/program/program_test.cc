#include "program.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"

namespace {

namespace fs = std::filesystem;
using test::Envelope;
using test::Switchback;

class ProgramTest : public testing::Test {
 protected:
  const fs::path& dir() { return directory_.path(); }
  void MakeProject(const std::string& yaml = "version: 1\n") { base::WriteFile(dir() / "switchback.yaml", yaml); }

 private:
  test::Directory directory_;
};

TEST_F(ProgramTest, VersionIsTheBuilds) {
  const base::Finished finished = Switchback(dir(), {"--version"});
  EXPECT_EQ(finished.exit, 0);
  EXPECT_EQ(finished.out, "switchback " SB_VERSION "\n");
}

TEST_F(ProgramTest, HelpNamesTheCommandsAndHidesTheHiddenOnes) {
  const base::Finished finished = Switchback(dir(), {"--help"});
  EXPECT_EQ(finished.exit, 0);
  EXPECT_NE(finished.out.find("\n  explain "), std::string::npos);
  EXPECT_EQ(finished.out.find("\n  reference "), std::string::npos);
  EXPECT_EQ(Switchback(dir(), {}).exit, 2);
  EXPECT_NE(Switchback(dir(), {"new", "--help"}).out.find("switchback new NAME"), std::string::npos);
}

TEST_F(ProgramTest, WrongCommandLinesAreRefusedWithARemedy) {
  struct Wrong {
    std::vector<std::string> words;
    std::string message;
    std::string hint;
  };
  const std::vector<Wrong> cases = {
      {{"explian"}, "there is no command \"explian\"", "Did you mean `switchback explain`?"},
      {{"zzzzzz"}, "there is no command \"zzzzzz\"", "`switchback --help` lists the commands."},
      {{"new"}, "NAME is missing", "See `switchback new --help`."},
      {{"status", "--jsn"}, "the following argument was not expected: --jsn", "Did you mean --json?"},
      {{"--quiet"}, "no command was given", "`switchback --help` lists the commands."},
  };
  for (const Wrong& wrong : cases) {
    const base::Json envelope = Envelope(dir(), wrong.words);
    EXPECT_EQ(envelope["exit"], 2);
    EXPECT_EQ(envelope["error"]["code"], "SB1007");
    EXPECT_EQ(envelope["error"]["message"], wrong.message);
    EXPECT_EQ(envelope["error"]["hint"], wrong.hint);
    EXPECT_TRUE(envelope["result"].is_null());
  }
  EXPECT_EQ(Envelope(dir(), {"new", "a", "b"})["exit"], 2);
  // A release may have the name of a command.
  EXPECT_EQ(Envelope(dir(), {"plan", "note"})["error"]["code"], "SB2301");
  EXPECT_EQ(Envelope(dir(), {"note", "a", "run", "again"})["error"]["code"], "SB2301");
  EXPECT_EQ(Envelope(dir(), {"new", "a", "--nonsense"})["exit"], 2);
}

TEST_F(ProgramTest, ErrorsForPeopleGoToStderr) {
  const base::Finished finished = Switchback(dir(), {"new", "a"});
  EXPECT_EQ(finished.exit, 2);
  EXPECT_EQ(finished.out, "");
  EXPECT_NE(finished.err.find("error SB2301: "), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("switchback init"), std::string::npos) << finished.err;
}

TEST_F(ProgramTest, ExplainsCodesExitsAndFailpoints) {
  EXPECT_EQ(Envelope(dir(), {"explain", "sb2303"})["result"]["name"], "BadYaml");
  EXPECT_EQ(Envelope(dir(), {"explain", "2303"})["result"]["code"], "SB2303");
  EXPECT_EQ(Envelope(dir(), {"explain", "BadYaml"})["result"]["code"], "SB2303");
  EXPECT_EQ(Envelope(dir(), {"explain", "12"})["result"]["exit"], 12);
  EXPECT_EQ(Envelope(dir(), {"explain", "run.after_intent"})["result"]["failpoint"], "run.after_intent");
  EXPECT_EQ(Envelope(dir(), {"explain", "SB2330"})["error"]["code"], "SB1007");
  const base::Json all = Envelope(dir(), {"explain"})["result"];
  EXPECT_GT(all["codes"].size(), 20U);
  EXPECT_EQ(all["exits"].size(), 12U);
}

TEST_F(ProgramTest, NewMakesAReleaseThatLoads) {
  MakeProject();
  const base::Json envelope = Envelope(dir(), {"new", "display-name"});
  EXPECT_EQ(envelope["exit"], 0);
  const std::string name = envelope["result"]["name"];
  EXPECT_EQ(envelope["release"], name);
  EXPECT_EQ(envelope["environment"], "default");
  EXPECT_TRUE(name.size() == 21 && name.ends_with("-display-name")) << name;
  EXPECT_TRUE(fs::is_regular_file(dir() / "releases" / name / "change.sql"));
  EXPECT_TRUE(fs::is_directory(dir() / "releases" / name / "queries"));
  const std::string before = base::ReadFile(dir() / "releases" / name / "release.yaml");
  EXPECT_NE(before.find("title: \"Display name\""), std::string::npos);

  EXPECT_EQ(Envelope(dir(), {"new", "display-name"})["error"]["code"], "SB3602");
  EXPECT_EQ(base::ReadFile(dir() / "releases" / name / "release.yaml"), before);
  EXPECT_EQ(Envelope(dir(), {"new", "20200101-old"})["result"]["name"], "20200101-old");
}

TEST_F(ProgramTest, NewRefusesNamesThatAreNoDirectoriesOfOurs) {
  MakeProject();
  for (const char* name : {"Upper", "a b", "../x", "a/b", "", "\xC3\xA9", "a_b", "ends-"}) {
    EXPECT_EQ(Envelope(dir(), {"new", name})["error"]["code"], "SB3601") << name;
  }
  EXPECT_FALSE(fs::exists(dir() / "releases"));
}

TEST_F(ProgramTest, TheReferenceIsOfThisProgram) {
  EXPECT_EQ(Switchback(dir(), {"reference"}).out, base::ReadFile(SB_REFERENCE))
      << "make it again: build/release/switchback reference > docs/reference.md";
}

TEST_F(ProgramTest, OutputThatDoesNotArriveIsNoSuccess) {
  const base::Finished finished = base::Run({.argv = {"/bin/sh", "-c", SB_PROGRAM " explain >/dev/full"}});
  EXPECT_EQ(finished.exit, 20);
  EXPECT_NE(finished.err.find("could not be written"), std::string::npos);
}

}  // namespace
