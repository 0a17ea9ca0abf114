#include "base/json.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/file.h"

template class nlohmann::basic_json<>;

namespace base {
namespace {

constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;
// Deeper texts are no artefact of ours, and the recursion over them would have to be bounded elsewhere.
constexpr int kMaxDepth = 200;

// RFC 8785 sorts names by UTF-16 code units. That is the order of the UTF-8 bytes, except that U+E000..U+FFFF (lead
// bytes EE, EF) come after the supplementary planes (F0..F4).
int Utf16Rank(char c) {
  const int byte = static_cast<unsigned char>(c);
  return byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte;
}
bool Utf16Less(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, Utf16Rank, Utf16Rank);
}

void CheckInteger(const Json& value) {
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(kMaxSafeInteger)
                        : value.get<std::int64_t>() <= kMaxSafeInteger && value.get<std::int64_t>() >= -kMaxSafeInteger;
  if (!fits)
    throw Error(Code::kInternal, fmt::format("integer {} has no canonical form; it must be a string", value.dump()));
}

void Append(std::string& out, const Json& value);

void AppendObject(std::string& out, const Json& value) {
  std::vector<const std::string*> names;
  for (const auto& [name, member] : value.items()) names.push_back(&name);
  std::ranges::sort(names, [](const std::string* a, const std::string* b) { return Utf16Less(*a, *b); });
  out += '{';
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += ',';
    out += Json(*names[i]).dump();
    out += ':';
    Append(out, value.at(*names[i]));
  }
  out += '}';
}

void Append(std::string& out, const Json& value) {
  if (value.is_object()) {
    AppendObject(out, value);
  } else if (value.is_array()) {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      Append(out, value[i]);
    }
    out += ']';
  } else if (value.is_number_float()) {
    throw Error(Code::kInternal,
                fmt::format("number {} has no canonical form; floating point takes no part", value.dump()));
  } else {
    if (value.is_number()) CheckInteger(value);
    out += value.dump();
  }
}

// Refuses what two readers could understand differently: a name that stands twice in one object.
class Strictness {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > kMaxDepth) throw Error(Code::kBadJson, "it is nested too deeply");
    if (event == Json::parse_event_t::object_start) names_.emplace_back();
    if (event == Json::parse_event_t::object_end) names_.pop_back();
    if (event == Json::parse_event_t::key && !names_.back().insert(parsed.get<std::string>()).second) {
      throw Error(Code::kBadJson, fmt::format("name {} stands twice in one object", parsed.dump()));
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> names_;
};

}  // namespace

std::string Canonical(const Json& value) {
  std::string out;
  try {
    Append(out, value);
  } catch (const Json::type_error& error) {
    throw Error(Code::kInternal, "a text is not UTF-8 and has no canonical form").Detail(error.what());
  }
  return out;
}

Json ParseJson(std::string_view text, std::string_view origin) {
  const std::string message = fmt::format("cannot understand {}", origin);
  Strictness strictness;
  try {
    return Json::parse(text, [&strictness](int depth, Json::parse_event_t event, Json& parsed) {
      return strictness(depth, event, parsed);
    });
  } catch (const Json::parse_error& error) {
    throw Error(Code::kBadJson, message).Detail(fmt::format("not JSON at byte {}: {}", error.byte, error.what()));
  } catch (const Json::exception& error) {
    throw Error(Code::kBadJson, message).Detail(error.what());
  } catch (const Error& error) {
    throw Error(Code::kBadJson, message).Detail(error.message());
  }
}

Json ReadJsonFile(const std::filesystem::path& path) { return ParseJson(ReadFile(path), path.string()); }

}  // namespace base
