#include "release/yaml.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "release/nearest.h"

namespace release {
namespace {

// yaml-cpp counts columns in bytes, from 0.
int ColumnInCharacters(std::string_view text, const YAML::Mark& mark) {
  std::size_t begin = 0;
  for (int line = 0; line < mark.line; ++line) {
    const std::size_t newline = text.find('\n', begin);
    if (newline == std::string_view::npos) break;
    begin = newline + 1;
  }
  const std::string_view before = text.substr(begin, static_cast<std::size_t>(std::max(mark.column, 0)));
  const auto continuation = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  return static_cast<int>(before.size() - static_cast<std::size_t>(std::ranges::count_if(before, continuation))) + 1;
}

base::Error ErrorAt(const YamlSource& source, const YAML::Mark& mark, const std::string& message) {
  base::Error error(base::Code::kBadYaml, message);
  if (mark.is_null()) {
    error.At(source.file, 0, 0);
  } else {
    error.At(source.file, mark.line + 1, ColumnInCharacters(source.text, mark));
  }
  return error;
}

// Before the parser sees it: what it would take amiss, or recurse into without end.
void CheckText(const YamlSource& source) {
  constexpr int kDeepest = 100;
  int line = 0;
  int deep = 0;
  for (std::size_t at = 0; at < source.text.size(); ++line) {
    const std::size_t end = std::min(source.text.find('\n', at), source.text.size());
    const std::string_view text = std::string_view(source.text).substr(at, end - at);
    at = end + 1;
    if (!base::IsUtf8(text)) {
      throw base::Error(base::Code::kBadYaml, "this line is not UTF-8")
          .At(source.file, line + 1, 1)
          .Hint("Save the file as UTF-8.");
    }
    int here = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      deep += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
      if ((c == '-' || c == '?' || c == ':') && (i + 1 == text.size() || text[i + 1] == ' ')) ++here;
    }
    deep = std::max(deep, 0);
    const std::size_t indent = std::min(text.find_first_not_of(' '), text.size());
    if (deep > kDeepest || here > kDeepest || indent > 4U * kDeepest) {
      throw base::Error(base::Code::kBadYaml, "this is nested more deeply than it can be").At(source.file, line + 1, 1);
    }
  }
}

// Notes where a document begins; what is in it is of no interest here.
class Beginning : public YAML::EventHandler {
 public:
  [[nodiscard]] const YAML::Mark& mark() const { return mark_; }

  void OnDocumentStart(const YAML::Mark& mark) override { mark_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}

 private:
  YAML::Mark mark_ = YAML::Mark::null_mark();
};

// The parser takes a "," that stands where a document may begin for an empty document, and stays there: asked for all
// documents, it finds them without end. It is asked for two at most.
void CheckOneDocument(const YamlSource& source) {
  std::istringstream text(source.text);
  YAML::Parser parser(text);
  Beginning document;
  if (parser.HandleNextDocument(document) && parser.HandleNextDocument(document)) {
    throw ErrorAt(source, document.mark(), "a second YAML document begins here")
        .Hint("Remove the line '---', or what does not belong to the document above.");
  }
}

template <typename Number>
std::optional<Number> Parse(std::string_view text) {
  Number number{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

}  // namespace

YamlValue YamlValue::Load(const std::filesystem::path& path, const std::string& shown) {
  // Parsed, a file takes some hundred times its size.
  constexpr std::uintmax_t kMostBytes = 1 << 20;
  std::error_code unknown;
  if (std::filesystem::file_size(path, unknown) > kMostBytes && !unknown) {
    throw base::Error(base::Code::kBadYaml, "this file is larger than any that people write")
        .At(shown, 0, 0)
        .Hint("At most 1 MB; what is longer belongs into files of its own.");
  }
  return OfText(base::ReadFile(path), shown);
}

YamlValue YamlValue::OfText(std::string text, const std::string& shown) {
  auto source = std::make_shared<YamlSource>(YamlSource{shown, std::move(text)});
  CheckText(*source);
  try {
    CheckOneDocument(*source);
    return YamlValue(source, YAML::Load(source->text), YAML::Mark(), "");
  } catch (const YAML::Exception& error) {
    throw ErrorAt(*source, error.mark, "this is not YAML").Detail(error.msg);
  }
}

std::string YamlValue::Shown() const { return path_.empty() ? "the file" : path_; }

void YamlValue::Fail(const std::string& message, const std::string& hint) const {
  base::Error error = ErrorAt(*source_, mark_, message);
  if (!hint.empty()) error.Hint(hint);
  throw error;
}

YamlValue YamlValue::Child(const YAML::Node& node, YAML::Mark fallback, const std::string& path) const {
  const YAML::Mark mark = node.Mark();
  return YamlValue(source_, node, mark.is_null() || node.IsNull() ? fallback : mark, path);
}

std::string YamlValue::TextOrEmpty() const {
  if (IsNull()) return "";
  if (!IsScalar()) Fail(fmt::format("{} must be a text, and is a {}", Shown(), node_.IsMap() ? "mapping" : "list"));
  return node_.Scalar();
}

std::string YamlValue::Text() const {
  std::string text = TextOrEmpty();
  if (text.empty()) Fail(fmt::format("{} is empty", Shown()), "Give it a value, or remove the key.");
  return text;
}

std::string YamlValue::OneOf(const std::vector<std::string>& words) const {
  std::string text = Text();
  if (std::ranges::find(words, text) != words.end()) return text;
  const std::string near = Nearest(text, words);
  Fail(fmt::format("{} cannot be \"{}\"", Shown(), text),
       fmt::format("{}It is one of: {}.", near.empty() ? "" : fmt::format("Did you mean {}? ", near),
                   fmt::join(words, ", ")));
}

long YamlValue::Integer(long least, long most) const {
  const std::string text = Text();
  const std::optional<long> number = Parse<long>(text);
  if (!number) Fail(fmt::format("{} must be a whole number, and is \"{}\"", Shown(), text));
  if (least == most && *number != least) Fail(fmt::format("{} must be {}, and is {}", Shown(), least, *number));
  if (*number < least || *number > most) {
    Fail(fmt::format("{} must be between {} and {}, and is {}", Shown(), least, most, *number));
  }
  return *number;
}

double YamlValue::Number() const {
  const std::string text = Text();
  const std::optional<double> number = Parse<double>(text);
  if (!number || !std::isfinite(*number)) Fail(fmt::format("{} must be a number, and is \"{}\"", Shown(), text));
  return *number;
}

std::chrono::milliseconds YamlValue::Duration() const {
  const std::string text = Text();
  try {
    return base::ParseDuration(text);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kBadDuration) throw;
    Fail(fmt::format("{} must be a duration, and is \"{}\"", Shown(), text), error.hint());
  }
}

long YamlValue::Bytes() const {
  const std::string text = Text();
  static const std::map<std::string, long> kUnits = {{"", 1},          {"B", 1},         {"kB", 1L << 10},
                                                     {"MB", 1L << 20}, {"GB", 1L << 30}, {"TB", 1L << 40}};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto unit = kUnits.find(text.substr(std::min(text.find_first_not_of(' ', digits), text.size())));
  const std::optional<long> number = Parse<long>(std::string_view(text).substr(0, digits));
  if (!number || unit == kUnits.end() || *number > std::numeric_limits<long>::max() / unit->second) {
    Fail(fmt::format("{} must be a size, and is \"{}\"", Shown(), text), "Write a number and a unit: 512MB, 4GB, 1TB.");
  }
  return *number * unit->second;
}

std::vector<YamlValue> YamlValue::Items() const {
  if (IsNull()) return {};
  if (!node_.IsSequence()) Fail(fmt::format("{} must be a list", Shown()));
  std::vector<YamlValue> items;
  for (std::size_t i = 0; i < node_.size(); ++i)
    items.push_back(Child(node_[i], mark_, fmt::format("{}[{}]", path_, i + 1)));
  return items;
}

std::vector<std::string> YamlValue::Words() const {
  std::vector<std::string> words;
  for (const YamlValue& item : Items()) words.push_back(item.Text());
  if (words.empty()) Fail(fmt::format("{} is an empty list", Shown()));
  return words;
}

YamlMap YamlValue::Map(std::initializer_list<std::string_view> known) const {
  const std::vector<std::string> names(known.begin(), known.end());
  return YamlMap(*this, &names);
}

YamlMap YamlValue::NamedMap() const { return YamlMap(*this, nullptr); }

base::Json YamlValue::Json() const {
  // An alias may stand for its own parent, so the size of what it expands to has a limit.
  int budget = 10'000;
  return JsonWithin(budget);
}

base::Json YamlValue::JsonWithin(int& budget) const {
  if (--budget < 0 || path_.size() > 4096) Fail("this value is too large, or contains itself");
  if (IsNull()) return nullptr;
  if (node_.IsSequence()) {
    base::Json list = base::Json::array();
    for (const YamlValue& item : Items()) list.push_back(item.JsonWithin(budget));
    return list;
  }
  if (node_.IsMap()) {
    base::Json map = base::Json::object();
    for (const auto& [key, value] : NamedMap().entries()) map[key] = value.JsonWithin(budget);
    return map;
  }
  const std::string& text = node_.Scalar();
  const bool plain = node_.Tag() == "?";
  if (plain && (text == "true" || text == "false")) return text == "true";
  if (const std::optional<std::int64_t> number = Parse<std::int64_t>(text); plain && number) return *number;
  return text;
}

YamlMap::YamlMap(YamlValue value, const std::vector<std::string>* known) : value_(std::move(value)) {
  if (value_.IsNull()) return;
  if (!value_.node_.IsMap()) value_.Fail(fmt::format("{} must be a mapping of keys to values", value_.Shown()));
  for (const auto& entry : value_.node_) {
    const YamlValue key = value_.Child(entry.first, value_.mark_, value_.path_);
    if (!key.IsScalar() || key.TextOrEmpty().empty()) key.Fail("a key must be a text that is not empty");
    const std::string name = key.Text();
    if (Find(name)) key.Fail(fmt::format("the key \"{}\" stands twice", name), "Remove one of them.");
    if (known != nullptr && std::ranges::find(*known, name) == known->end()) {
      const std::string near = Nearest(name, *known);
      key.Fail(fmt::format("unknown key \"{}\"", name),
               fmt::format("{}Known here: {}.", near.empty() ? "" : fmt::format("Did you mean {}? ", near),
                           fmt::join(*known, ", ")));
    }
    const std::string path = value_.path_.empty() ? name : fmt::format("{}.{}", value_.path_, name);
    entries_.emplace_back(name, value_.Child(entry.second, key.mark_, path));
  }
}

std::optional<YamlValue> YamlMap::Find(std::string_view key) const {
  const auto found = std::ranges::find_if(entries_, [&](const auto& entry) { return entry.first == key; });
  return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

YamlValue YamlMap::Require(std::string_view key) const {
  std::optional<YamlValue> found = Find(key);
  if (!found) {
    value_.Fail(fmt::format("{} lacks the key \"{}\"", value_.Shown(), key), fmt::format("Add it: `{}: ...`.", key));
  }
  return *found;
}

}  // namespace release
