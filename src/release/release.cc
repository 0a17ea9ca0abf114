#include "release/release.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "release/project.h"
#include "release/yaml.h"

namespace release {
namespace {

namespace fs = std::filesystem;

// A file that release.yaml names: relative to the release, and inside it, so that the directory is the whole release.
fs::path FileInside(const fs::path& directory, const YamlValue& value) {
  const fs::path path = fs::path(value.Text()).lexically_normal();
  if (path.is_absolute() || path.begin()->string() == "..") {
    value.Fail(fmt::format("{} must be inside the release's directory", value.path()),
               "Write it relative to release.yaml.");
  }
  if (directory.empty()) return path;  // only what is said of them counts
  std::error_code ignored;
  const fs::path inside =
      fs::weakly_canonical(directory / path, ignored).lexically_relative(fs::weakly_canonical(directory, ignored));
  if (inside.empty() || inside.begin()->string() == "..") {
    value.Fail(
        fmt::format("{} names {}, a link that leads out of the release's directory", value.path(), path.string()),
        "Put the file itself there.");
  }
  if (!fs::is_regular_file(directory / path, ignored)) {
    value.Fail(fmt::format("{} names {}, which is no file here", value.path(), path.string()),
               fmt::format("Create {}, or correct the name.", ShownPath(directory / path).string()));
  }
  return path;
}

void CheckCommand(const YamlValue& value, std::initializer_list<std::string_view> known) {
  const YamlMap map = value.Map(known);
  if (map.entries().size() != 1) value.Fail(fmt::format("{} must say exactly one way", value.path()));
  if (const auto run = map.Find("run")) run->Words();
}

std::map<std::string, std::map<std::string, Transform>> ReadTransforms(const YamlValue& value) {
  std::map<std::string, std::map<std::string, Transform>> transforms;
  for (const auto& [table, columns] : value.NamedMap().entries()) {
    for (const auto& [column, expressions] : columns.NamedMap().entries()) {
      const YamlMap map = expressions.Map({"up", "down"});
      Transform& transform = transforms[table][column];
      if (const auto up = map.Find("up")) transform.up = up->Text();
      if (const auto down = map.Find("down")) transform.down = down->Text();
    }
  }
  return transforms;
}

Application::Version ReadVersion(const fs::path& directory, const YamlValue& value) {
  const YamlMap map = value.Map({"version", "queries", "application_name"});
  Application::Version version;
  version.version = map.Require("version").Text();
  if (const auto queries = map.Find("queries")) version.queries = FileInside(directory, *queries);
  if (const auto name = map.Find("application_name")) {
    version.session_name = name->Text();
    if (version.session_name.empty() || version.session_name == "*")
      name->Fail(fmt::format("{} would mean every session", name->path()), "Name the sessions of this version only.");
  }
  return version;
}

Application ReadApplication(const fs::path& directory, const YamlValue& value) {
  const YamlMap map = value.Map({"before", "after", "code_rollback"});
  Application application;
  if (const auto before = map.Find("before")) application.before = ReadVersion(directory, *before);
  if (const auto after = map.Find("after")) application.after = ReadVersion(directory, *after);
  if (const auto rollback = map.Find("code_rollback")) {
    CheckCommand(*rollback, {"git", "run"});
    if (const auto git = rollback->Map({"git", "run"}).Find("git")) {
      const YamlMap fields = git->Map({"repository", "revert"});
      fields.Require("repository").Text();
      fields.Require("revert").Text();
    }
    application.code_rollback = rollback->Json();
  }
  return application;
}

base::Json ReadFlag(const YamlValue& value) {
  const YamlValue off = value.Map({"off"}).Require("off");
  CheckCommand(off, {"flagd", "run"});
  if (const auto flagd = off.Map({"flagd", "run"}).Find("flagd")) flagd->Map({"file"}).Require("file").Text();
  return value.Json();
}

base::Json ReadTraffic(const YamlValue& value) {
  const YamlMap map = value.Map({"pause", "resume"});
  const YamlValue pause = map.Require("pause");
  CheckCommand(pause, {"pgbouncer", "run", "connection_limit"});
  const YamlMap ways = pause.Map({"pgbouncer", "run", "connection_limit"});
  if (const auto pgbouncer = ways.Find("pgbouncer")) pgbouncer->Map({"url"}).Require("url").Text();
  if (const auto limit = ways.Find("connection_limit")) limit->Integer(0, 0);
  if (const auto resume = map.Find("resume")) CheckCommand(*resume, {"run"});
  if (ways.Find("run") && !map.Find("resume")) {
    pause.Fail("traffic is paused by a command, and nothing resumes it", "Add `resume: {run: [...]}`.");
  }
  return value.Json();
}

void CheckUnique(std::set<std::string>& names, const YamlValue& name) {
  if (!names.insert(name.Text()).second) name.Fail(fmt::format("the name \"{}\" stands twice", name.Text()));
}

std::vector<Invariant> ReadInvariants(const YamlValue& value) {
  std::vector<Invariant> invariants;
  std::set<std::string> names;
  for (const YamlValue& item : value.Items()) {
    const YamlMap map = item.Map({"name", "sql", "expect"});
    CheckUnique(names, map.Require("name"));
    const YamlValue expect = map.Require("expect");
    if (!expect.IsScalar() && !expect.IsNull()) expect.Fail(fmt::format("{} must be one value", expect.path()));
    invariants.push_back({map.Require("name").Text(), map.Require("sql").Text(), expect.Json()});
  }
  return invariants;
}

std::vector<RollbackCondition> ReadConditions(const YamlValue& value) {
  std::vector<RollbackCondition> conditions;
  std::set<std::string> names;
  for (const YamlValue& item : value.Items()) {
    const YamlMap map = item.Map({"name", "sql", "prometheus", "max", "for", "then"});
    RollbackCondition condition;
    CheckUnique(names, map.Require("name"));
    condition.name = map.Require("name").Text();
    const auto sql = map.Find("sql");
    const auto prometheus = map.Find("prometheus");
    if (sql.has_value() == prometheus.has_value()) {
      item.Fail(fmt::format("the condition \"{}\" needs a question", condition.name),
                "Give either `sql` or `prometheus`.");
    }
    if (sql) condition.sql = sql->Text();
    if (prometheus) condition.prometheus = prometheus->Text();
    condition.max = map.Require("max").Number();
    if (const auto duration = map.Find("for")) {
      duration->Duration();
      condition.duration = duration->Text();
    }
    condition.then = map.Require("then").OneOf({"flag-off", "code", "undo", "restore"});
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

void ReadOpaque(const YamlValue& value, Release& release) {
  std::set<int> numbers;
  for (const YamlValue& item : value.Items()) {
    const YamlMap map = item.Map({"statement", "down", "writes"});
    const YamlValue statement = map.Require("statement");
    const int number = static_cast<int>(statement.Integer(1, std::numeric_limits<int>::max()));
    if (!numbers.insert(number).second) statement.Fail(fmt::format("statement {} stands twice", number));
    const auto down = map.Find("down");
    const auto writes = map.Find("writes");
    if (!down && !writes) item.Fail(fmt::format("statement {} has neither a `down` nor `writes`", number));
    if (down) release.downs[number] = down->Text();
    if (!writes) continue;
    for (const auto& [table, columns] : writes->NamedMap().entries()) release.writes[number][table] = columns.Words();
  }
}

std::map<std::string, std::vector<std::string>> ReadAdditive(const YamlValue& value) {
  std::map<std::string, std::vector<std::string>> additive;
  for (const auto& [table, columns] : value.NamedMap().entries()) {
    additive[table] = columns.Words();
    std::set<std::string> names;
    for (const YamlValue& column : columns.Items()) CheckUnique(names, column);
  }
  return additive;
}

// Text becomes SQL, JSON and output, which are all UTF-8.
void CheckText(const std::string& text, const fs::path& shown, const char* what) {
  if (base::IsUtf8(text)) return;
  throw base::Error(base::Code::kBadYaml, fmt::format("{} is not UTF-8", what))
      .At(base::Printable(shown.string()), 0, 0)
      .Hint("Save it as UTF-8.");
}
void ReadChange(const fs::path& change, Release& release) {
  release.change_path = ShownPath(change);
  constexpr std::uintmax_t kMostBytes = 64 << 20;
  if (fs::file_size(change) > kMostBytes) {
    throw base::Error(base::Code::kBadYaml, "the change is larger than 64 MB").At(release.change_path.string(), 0, 0);
  }
  release.change_sql = base::ReadFile(change);
  release.files["change.sql"] = release.change_sql;
  CheckText(release.change_sql, release.change_path, "the change");
  // Some editors begin a file with a byte order mark, which is no SQL.
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (release.change_sql.starts_with(kMark)) release.change_sql.erase(0, kMark.size());
}

// `directory` empty: the files that it names are not there.
Release Read(const YamlValue& root, const std::string& release_name, const fs::path& directory) {
  const YamlMap map =
      root.Map({"version", "title", "owner", "rollback_window", "change", "transforms", "applications", "flags",
                "traffic", "invariants", "rollback_conditions", "opaque", "additive", "accept", "trust"});
  map.Require("version").Integer(1, 1);

  Release release;
  release.name = release_name;
  release.directory = directory;
  if (const auto title = map.Find("title")) release.title = title->TextOrEmpty();
  if (const auto owner = map.Find("owner")) release.owner = owner->TextOrEmpty();
  if (const auto window = map.Find("rollback_window"); window && !window->IsNull()) {
    release.rollback_window = window->Duration();
  }
  const fs::path change = FileInside(directory, map.Require("change"));
  if (!directory.empty()) ReadChange(directory / change, release);
  if (const auto value = map.Find("transforms")) release.transforms = ReadTransforms(*value);
  if (const auto value = map.Find("applications")) {
    for (const auto& [name, body] : value->NamedMap().entries())
      release.applications[name] = ReadApplication(directory, body);
  }
  if (const auto value = map.Find("flags")) {
    for (const auto& [name, body] : value->NamedMap().entries()) release.flags[name] = ReadFlag(body);
  }
  if (const auto value = map.Find("traffic"); value && !value->IsNull()) release.traffic = ReadTraffic(*value);
  if (const auto value = map.Find("invariants")) release.invariants = ReadInvariants(*value);
  if (const auto value = map.Find("rollback_conditions")) release.rollback_conditions = ReadConditions(*value);
  if (const auto value = map.Find("opaque")) ReadOpaque(*value, release);
  if (const auto value = map.Find("additive")) release.additive = ReadAdditive(*value);
  if (const auto value = map.Find("accept")) release.accepts = value->Words();
  if (const auto value = map.Find("trust")) release.trust = ReadTrust(*value);
  return release;
}

}  // namespace

Release LoadRelease(const fs::path& given) {
  std::error_code error;
  const fs::path directory = fs::canonical(given, error);
  if (!error && fs::is_directory(directory, error) && !fs::exists(directory / "release.yaml", error)) {
    throw base::Error(base::Code::kNoRelease, fmt::format("{} has no release.yaml", ShownPath(directory).string()))
        .Hint("Take it from Git, or write one; `switchback new NAME` shows what belongs into it.");
  }
  if (error || !fs::is_regular_file(directory / "release.yaml", error)) {
    throw base::Error(base::Code::kNoRelease, fmt::format("there is no release at {}", given.string()))
        .Hint("A release is a directory with release.yaml; `switchback new NAME` makes one.");
  }
  const fs::path file = directory / "release.yaml";
  const std::string name = directory.filename().string();
  CheckText(name, file, "the name of the release");
  Release release = Read(YamlValue::Load(file, ShownPath(file).string()), name, directory);
  release.files["release.yaml"] = base::ReadFile(file);
  return release;
}

Release ReadDeclared(const std::string& yaml, const std::string& name) {
  return Read(YamlValue::OfText(yaml, "release.yaml"), name, {});
}

}  // namespace release
