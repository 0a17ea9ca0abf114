#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/digest.h"
#include "base/error.h"
#include "base/power_cut.h"

namespace base {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  FileTest() { fs::create_directory(directory_); }
  ~FileTest() override { fs::remove_all(directory_); }
  [[nodiscard]] std::size_t Entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }

  const fs::path directory_ = fs::temp_directory_path() / ("switchback-test-" + RandomHex(8));
  const fs::path path_ = directory_ / "file";
};

TEST_F(FileTest, ReplaceShowsTheOldContentUntilCommit) {
  WriteFile(path_, "old");
  FileWriter writer = FileWriter::Replace(path_);
  writer.Write("new ");
  writer.Write("content");
  EXPECT_EQ(ReadFile(path_), "old");
  writer.Commit();
  EXPECT_EQ(ReadFile(path_), "new content");
  EXPECT_EQ(Entries(), 1U);
}

TEST_F(FileTest, AbandonedReplaceLeavesNothing) {
  WriteFile(path_, "old");
  { FileWriter::Replace(path_).Write("new"); }
  EXPECT_EQ(ReadFile(path_), "old");
  EXPECT_EQ(Entries(), 1U);
}

TEST_F(FileTest, AppendAddsWithPrivateMode) {
  for (const char* line : {"one\n", "two\n"}) {
    FileWriter writer = FileWriter::Append(path_);
    writer.Write(line);
    writer.Commit();
    writer.Write("more\n");
    writer.Commit();
  }
  EXPECT_EQ(ReadFile(path_), "one\nmore\ntwo\nmore\n");
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(FileTest, FullDiskIsAnErrorAndStaysOne) {
  FileWriter writer = FileWriter::Append("/dev/full");
  const auto write = [&writer] {
    try {
      writer.Write("line\n");
    } catch (const Error& error) {
      EXPECT_EQ(error.detail(), "No space left on device");
      return error.code();
    }
    return Code::kInternal;
  };
  EXPECT_EQ(write(), Code::kFileWrite);
  EXPECT_EQ(write(), Code::kFileWrite);
  EXPECT_THROW(writer.Commit(), Error);
}

TEST_F(FileTest, MissingAndUnreadableAreToldApart) {
  EXPECT_FALSE(ReadFileIfExists(path_));
  EXPECT_THROW(ReadFile(path_), Error);
  EXPECT_THROW(ReadFileIfExists(directory_), Error);
  EXPECT_THROW(WriteFile(directory_ / "none" / "file", ""), Error);
}

TEST_F(FileTest, MakeDirectoriesSetsTheModeOfNewOnesOnly) {
  fs::permissions(directory_, static_cast<fs::perms>(0755));
  MakeDirectories(directory_ / "a" / "b");
  MakeDirectories(directory_ / "a" / "b");
  EXPECT_EQ(fs::status(directory_).permissions(), static_cast<fs::perms>(0755));
  EXPECT_EQ(fs::status(directory_ / "a").permissions(), static_cast<fs::perms>(0700));
  EXPECT_EQ(fs::status(directory_ / "a" / "b").permissions(), static_cast<fs::perms>(0700));
  WriteFile(path_, "");
  EXPECT_THROW(MakeDirectories(path_ / "below"), Error);
}

TEST_F(FileTest, APowerCutLeavesTheOldContentOrTheNew) {
  WriteFile(path_, "long before");
  PowerCut cut;
  std::vector<PowerCut::Content> written = {std::nullopt};
  std::vector<std::size_t> done = {0};
  for (const char* content : {"one", "the second, longer one", "3"}) {
    WriteFile(path_, content);
    written.emplace_back(content);
    done.push_back(cut.Moments());
  }
  for (std::size_t moment = 0, last = 0; moment <= cut.Moments(); ++moment) {
    if (last + 1 < done.size() && moment >= done[last + 1]) ++last;
    int seen = 0;
    cut.AtCut(moment, path_, [&](const PowerCut::Content& content) {
      ++seen;
      const bool next = last + 1 < written.size() && content == written[last + 1];
      EXPECT_TRUE(content == written[last] || next) << moment << ": " << content.value_or("no file");
    });
    EXPECT_GT(seen, 0);
  }
}

TEST_F(FileTest, APowerCutLeavesAllThatWasCommittedToAnAppendedFile) {
  PowerCut cut;
  FileWriter writer = FileWriter::Append(path_);
  std::string committed;
  std::vector<std::pair<std::size_t, std::string>> done = {{0, ""}};
  for (const char* line : {"first\n", "second\n", "third\n"}) {
    writer.Write(line);
    writer.Commit();
    done.emplace_back(cut.Moments(), committed += line);
  }
  for (std::size_t moment = 0, last = 0; moment <= cut.Moments(); ++moment) {
    if (last + 1 < done.size() && moment >= done[last + 1].first) ++last;
    cut.AtCut(moment, path_, [&](const PowerCut::Content& content) {
      EXPECT_TRUE(content.value_or("").starts_with(done[last].second)) << moment;
    });
  }
}

TEST_F(FileTest, AFileSystemIsSyncedAsAWhole) {
  WriteFile(path_, "some");
  EXPECT_NO_THROW(SyncFileSystemOf(directory_));
  EXPECT_THROW(SyncFileSystemOf(directory_ / "missing"), Error);
}

}  // namespace
}  // namespace base
