#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

// Instantiated in json.cc alone: it is a good part of what a file costs to compile.
extern template class nlohmann::basic_json<>;

namespace base {

// Objects are kept sorted by key, so that the same value always has the same text.
using Json = nlohmann::json;

// RFC 8785 canonical form, for digests. Numbers are integers within 2^53; larger ones are strings by our convention,
// and floating point never takes part: a value that breaks this throws kInternal.
std::string Canonical(const Json& value);

// Parses a text; throws kBadJson with `origin` (a file name) and the byte position.
Json ParseJson(std::string_view text, std::string_view origin);

// Reads and parses a file; throws kFileRead or kBadJson.
Json ReadJsonFile(const std::filesystem::path& path);

}  // namespace base
