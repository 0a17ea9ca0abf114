#include "base/redact.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <mutex>

#include "base/digest.h"
#include "base/error.h"

namespace base {
namespace {

struct Setting {
  std::mutex mutex;
  bool shown = false;
  std::string secret = RandomHex(32);
};

Setting& Of() {
  static Setting setting;
  return setting;
}

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsNameStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0; }
bool IsName(char c) { return IsNameStart(c) || IsDigit(c) || c == '$'; }

bool IsPlainNumber(std::string_view text) {
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// Reads SQL as far as literals and remarks go.
class Stripper {
 public:
  explicit Stripper(std::string_view sql) : sql_(sql) {}

  std::string Run() {
    while (at_ < sql_.size()) Step();
    return std::move(out_);
  }

 private:
  [[nodiscard]] char Peek(std::size_t ahead = 0) const { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }
  [[nodiscard]] bool Sees(std::string_view text) const { return sql_.substr(at_, text.size()) == text; }
  void SkipPast(std::string_view end) {
    const std::size_t found = sql_.find(end, at_);
    at_ = found == std::string_view::npos ? sql_.size() : found + end.size();
  }

  void Step() {
    const char c = Peek();
    if (Sees("--")) {
      SkipPast("\n");
      out_ += ' ';
    } else if (Sees("/*")) {
      SkipRemark();
    } else if (c == '\'') {
      SkipString(false);
    } else if (c == '"') {
      TakeQuotedName();
    } else if (c == '$' && SkipDollars()) {
      out_ += '?';
    } else if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
      while (IsName(Peek()) || Peek() == '.') ++at_;
      out_ += '?';
    } else if (IsNameStart(c)) {
      TakeWord();
    } else {
      out_ += c;
      ++at_;
      if (c == '$') {  // a parameter
        while (IsDigit(Peek())) out_ += sql_[at_++];
      }
    }
  }

  void SkipRemark() {
    int depth = 0;
    do {
      if (Sees("/*")) {
        ++depth;
        at_ += 2;
      } else if (Sees("*/")) {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0 && at_ < sql_.size());
    at_ = std::min(at_, sql_.size());
    out_ += ' ';
  }

  // A backslash may escape, or may not, as the session has it: where both readings end a string differently, the rest
  // is taken for its own.
  void SkipString(bool escapes) {
    out_ += '?';
    for (++at_; at_ < sql_.size(); ++at_) {
      if (sql_[at_] == '\\') {
        if (!escapes && Peek(1) == '\'') {
          at_ = sql_.size();
          return;
        }
        if (escapes) ++at_;
      } else if (sql_[at_] == '\'') {
        if (Peek(1) != '\'') {
          ++at_;
          return;
        }
        ++at_;
      }
    }
    at_ = sql_.size();
  }

  void TakeQuotedName() {
    const std::size_t begin = at_;
    ++at_;
    SkipPast("\"");
    out_ += sql_.substr(begin, at_ - begin);
  }

  // $$...$$ or $tag$...$tag$. False: it is something else.
  bool SkipDollars() {
    std::size_t end = at_ + 1;
    if (end < sql_.size() && IsDigit(sql_[end])) return false;
    while (end < sql_.size() && IsName(sql_[end]) && sql_[end] != '$') ++end;
    if (end >= sql_.size() || sql_[end] != '$') return false;
    const std::string_view tag = sql_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    SkipPast(tag);
    return true;
  }

  void TakeWord() {
    const std::size_t begin = at_;
    while (IsName(Peek())) ++at_;
    const std::string_view word = sql_.substr(begin, at_ - begin);
    const bool prefix = word.size() == 1 && std::string_view("eEbBxXnN").find(word[0]) != std::string_view::npos;
    if (prefix && Peek() == '\'') return SkipString(word == "e" || word == "E");
    out_ += word;
  }

  std::string_view sql_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

void ShowRowValues(bool shown, std::string_view secret) {
  const std::lock_guard<std::mutex> guard(Of().mutex);
  Of().shown = shown;
  if (!secret.empty()) Of().secret = secret;
}

bool RowValuesShown() {
  const std::lock_guard<std::mutex> guard(Of().mutex);
  return Of().shown;
}

namespace {

std::string NameOfValue(std::string_view value) {
  const std::lock_guard<std::mutex> guard(Of().mutex);
  return Of().shown ? std::string(value) : "#" + HmacSha256Hex(Of().secret, value).substr(0, 12);
}

}  // namespace

std::string ShownValue(std::string_view value) {
  return IsPlainNumber(value) ? std::string(value) : NameOfValue(value);
}

Json ShownKey(const Json& key) {
  if (key.is_object() || key.is_array()) {
    Json shown = key;
    for (auto& value : shown) value = ShownKey(value);
    return shown;
  }
  if (key.is_null() || key.is_boolean()) return key;
  if (key.is_string()) return NameOfValue(key.get<std::string>());
  const std::string shown = ShownValue(key.dump());
  return shown == key.dump() ? key : Json(shown);
}

Json ShownKey(const Json& key, const std::function<bool(const std::string& column)>& whole) {
  Json shown = Json::object();
  for (const auto& [column, value] : key.items()) {
    shown[column] = value.is_string() && whole(column) ? Json(ShownValue(value.get<std::string>())) : ShownKey(value);
  }
  return shown;
}

std::string ShownKeyText(const std::string& key) {
  try {
    return ShownKey(ParseJson(key, "a key")).dump();
  } catch (const Error&) {
    return NameOfValue(key);
  }
}

std::string WithoutQuoted(std::string_view message) {
  if (RowValuesShown()) return std::string(message);
  std::size_t end = message.size();
  for (const std::string_view quote : {"\"", "'", "`", "\u00AB", "\u00BB", "\u2018", "\u2019", "\u201C", "\u201D",
                                       "\u201E", "\u2039", "\u203A", "\u300C", "\u300E"}) {
    end = std::min(end, message.find(quote));
  }
  if (end >= message.size()) return std::string(message);
  return std::string(message.substr(0, end)) + "(withheld: it may be a value of a row)";
}

std::string WithoutLiterals(std::string_view sql) { return RowValuesShown() ? std::string(sql) : Stripper(sql).Run(); }

}  // namespace base
