#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "release/nearest.h"
#include "release/project.h"

namespace release {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Releases(const Project& project) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(project.root / "releases", error)) {
    std::error_code ignored;
    if (fs::is_regular_file(entry.path() / "release.yaml", ignored)) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

// The name without its date, which `switchback new` puts before what its user wrote; none: the whole name.
std::string_view Undated(std::string_view name) {
  constexpr std::size_t kDate = 8;
  const bool dated = name.size() > kDate + 1 && name[kDate] == '-' &&
                     name.substr(0, kDate).find_first_not_of("0123456789") == std::string_view::npos;
  return dated ? name.substr(kDate + 1) : name;
}

// The names that are meant: those that are the argument but for the date, else those that begin with it, with their
// date or without.
std::vector<std::string> Matches(const std::vector<std::string>& names, const std::string& argument) {
  std::vector<std::string> equal;
  std::vector<std::string> begun;
  if (argument.empty()) return {};
  for (const std::string& name : names) {
    if (Undated(name) == argument) equal.push_back(name);
    if (name.starts_with(argument) || Undated(name).starts_with(argument)) begun.push_back(name);
  }
  return equal.empty() ? begun : equal;
}

// Those too of which only the environment's state is left.
std::vector<std::string> WithGone(const Project& project, std::vector<std::string> names) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(project.StateOf("").parent_path(), error)) {
    std::error_code ignored;
    if (fs::is_regular_file(entry.path() / "journal.jsonl", ignored)) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// Of a name that was typed with its date or without.
std::string NearestRelease(const std::string& argument, const std::vector<std::string>& names) {
  if (std::string near = Nearest(argument, names); !near.empty()) return near;
  std::vector<std::string> undated;
  for (const std::string& name : names) undated.emplace_back(Undated(name));
  const std::string near = Nearest(argument, undated);
  const auto found = std::ranges::find(undated, near);
  return near.empty() ? "" : names[static_cast<std::size_t>(found - undated.begin())];
}

std::string Candidates(const std::vector<std::string>& names) {
  if (names.empty()) return "There is no release yet; `switchback new NAME` makes one.";
  constexpr std::size_t kShown = 20;
  const std::vector<std::string> shown(names.begin(),
                                       names.begin() + static_cast<long>(std::min(names.size(), kShown)));
  return fmt::format("Releases here: {}{}.", fmt::join(shown, ", "), names.size() > kShown ? ", ..." : "");
}

}  // namespace

fs::path FindRelease(const Project& project, const std::string& argument,
                     const std::function<bool(const std::string& name)>& ended) {
  if (argument == "." || argument.find('/') != std::string::npos) return fs::absolute(argument).lexically_normal();
  const std::vector<std::string> here = Releases(project);
  const fs::path directory = project.root / "releases";
  if (std::ranges::find(here, argument) != here.end()) return directory / argument;
  std::vector<std::string> matches = Matches(ended ? here : WithGone(project, here), argument);
  std::error_code ignored;
  if (matches.empty() && !argument.empty() && argument != ".." && fs::is_directory(directory / argument, ignored)) {
    return directory / argument;
  }
  if (matches.size() > 1 && ended) {
    std::vector<std::string> open = matches;
    std::erase_if(open, ended);
    if (open.size() == 1) matches = open;
  }
  if (matches.size() == 1) return directory / matches.front();
  if (matches.size() > 1) {
    throw base::Error(base::Code::kNoRelease, fmt::format("\"{}\" stands for {} releases", argument, matches.size()))
        .Hint(fmt::format("Write more of it: {}.", fmt::join(matches, ", ")));
  }
  const std::string near = NearestRelease(argument, here);
  throw base::Error(base::Code::kNoRelease, fmt::format("there is no release \"{}\"", argument))
      .Hint((near.empty() ? "" : fmt::format("Did you mean {}? ", near)) + Candidates(here));
}

fs::path FindRelease(const Project& project, const std::string& argument) { return FindRelease(project, argument, {}); }

}  // namespace release
