#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/digest.h"
#include "base/error.h"

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

}  // namespace
}  // namespace base
