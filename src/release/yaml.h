#pragma once

#include <yaml-cpp/node/node.h>

#include <chrono>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

// Strict reading of YAML: everything that is not as the reader expects is a base::Error kBadYaml that names the value
// by its path
// ("rollback_conditions[1].max") and says where it stands: file, line and column, in characters. Only this room sees
// yaml-cpp.
namespace release {

struct YamlSource {
  std::string file;  // as shown in messages
  std::string text;
};

class YamlMap;

// One value of a document.
class YamlValue {
 public:
  // `file` is read from `path`, and called `shown` in messages. Throws kFileRead, and kBadYaml for what is no YAML, is
  // not UTF-8, holds more than one document, or is larger or deeper than people write.
  static YamlValue Load(const std::filesystem::path& path, const std::string& shown);
  static YamlValue OfText(std::string text, const std::string& shown);

  [[noreturn]] void Fail(const std::string& message, const std::string& hint = "") const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool IsNull() const { return node_.IsNull(); }
  [[nodiscard]] bool IsScalar() const { return node_.IsScalar(); }
  // Each reads, and so checks, the value.
  std::string Text() const;                       // a scalar that is not empty
  [[nodiscard]] std::string TextOrEmpty() const;  // a scalar, or nothing at all
  std::string OneOf(const std::vector<std::string>& words) const;
  long Integer(long least, long most) const;
  double Number() const;
  std::chrono::milliseconds Duration() const;
  long Bytes() const;  // an integer, or one with kB, MB, GB or TB (times 1024), as PostgreSQL reads them
  [[nodiscard]] std::vector<YamlValue> Items() const;  // of a list
  std::vector<std::string> Words() const;              // of a list of scalars that is not empty
  // A mapping whose keys must be among these; nothing at all is an empty mapping.
  [[nodiscard]] YamlMap Map(std::initializer_list<std::string_view> known) const;
  // A mapping whose keys are names that the author chose.
  [[nodiscard]] YamlMap NamedMap() const;
  // As it is: whole numbers, true, false and null become what they are, all else (fractions too) text.
  [[nodiscard]] base::Json Json() const;

 private:
  friend class YamlMap;
  YamlValue(std::shared_ptr<const YamlSource> source, const YAML::Node& node, YAML::Mark mark, std::string path)
      : source_(std::move(source)), node_(node), mark_(mark), path_(std::move(path)) {}
  [[nodiscard]] YamlValue Child(const YAML::Node& node, YAML::Mark fallback, const std::string& path) const;
  [[nodiscard]] std::string Shown() const;
  [[nodiscard]] base::Json JsonWithin(int& budget) const;

  std::shared_ptr<const YamlSource> source_;
  YAML::Node node_;
  YAML::Mark mark_;
  std::string path_;
};

// The keys of a mapping, in the order of the file; a key that stands twice was refused.
class YamlMap {
 public:
  [[nodiscard]] const YamlValue& value() const { return value_; }
  // All by value: a mapping is mostly a temporary.
  [[nodiscard]] std::vector<std::pair<std::string, YamlValue>> entries() const { return entries_; }
  [[nodiscard]] std::optional<YamlValue> Find(std::string_view key) const;
  YamlValue Require(std::string_view key) const;

 private:
  friend class YamlValue;
  YamlMap(YamlValue value, const std::vector<std::string>* known);
  YamlValue value_;
  std::vector<std::pair<std::string, YamlValue>> entries_;
};

}  // namespace release
