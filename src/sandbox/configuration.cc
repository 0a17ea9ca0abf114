#include "sandbox/configuration.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "base/file.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "switchback.conf";
constexpr const char* kInclude = "include 'switchback.conf'";

void Write(const fs::path& path, const std::string& content) { base::WriteFile(path, content, 0600); }

std::string Quoted(const std::string& value) {
  std::string out = "'";
  for (char c : value) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

// The setting's name at the start of a line, lowercase; "" for comments and blank lines.
std::string NameOf(const std::string& line) {
  std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  std::size_t end = begin;
  while (end < line.size() &&
         (std::isalnum(static_cast<unsigned char>(line[end])) != 0 || line[end] == '_' || line[end] == '.')) {
    ++end;
  }
  std::string name = line.substr(begin, end - begin);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

std::string WithoutSettings(const std::string& text, const std::map<std::string, std::string>& settings) {
  std::istringstream in(text);
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    if (settings.count(NameOf(line)) == 0) kept += line + "\n";
  }
  return kept;
}

void IncludeLast(const fs::path& path) {
  std::string text = base::ReadFileIfExists(path).value_or("");  // Debian keeps it outside the data directory
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::string include = kInclude;
  if (text.size() >= include.size() && text.compare(text.size() - include.size(), include.size(), include) == 0) return;
  Write(path, text + (text.empty() ? "" : "\n") + include + "\n");
}

}  // namespace

void WriteConfiguration(const fs::path& data, const std::map<std::string, std::string>& settings,
                        const std::optional<base::Account>& account) {
  const base::ActingAs as(account);
  Write(data / "switchback_hba.conf",
        "local all all trust\n"
        "local replication all trust\n");
  Write(data / "switchback_ident.conf", "");
  std::string text = "# Written by switchback at each start of this server.\n";
  for (const auto& [name, value] : settings) text += fmt::format("{} = {}\n", name, Quoted(value));
  Write(data / kFile, text);
  if (const auto altered = base::ReadFileIfExists(data / "postgresql.auto.conf")) {
    const std::string kept = WithoutSettings(*altered, settings);
    if (kept != *altered) Write(data / "postgresql.auto.conf", kept);
  }
  IncludeLast(data / "postgresql.conf");
}

}  // namespace sandbox
