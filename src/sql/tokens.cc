#include "sql/tokens.h"

extern "C" {
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
}

#include <algorithm>
#include <memory>

#include "base/error.h"

namespace sql {
namespace {

struct ScanDeleter {
  void operator()(PgQuery__ScanResult* scan) const { pg_query__scan_result__free_unpacked(scan, nullptr); }
};

struct RawScan {
  explicit RawScan(const char* text) : result(pg_query_scan(text)) {}
  ~RawScan() { pg_query_free_scan_result(result); }
  RawScan(const RawScan&) = delete;
  RawScan& operator=(const RawScan&) = delete;
  PgQueryScanResult result;
};

bool Opens(const Token& token) { return token.word == "(" || token.word == "["; }
bool Closes(const Token& token) { return token.word == ")" || token.word == "]"; }

bool IsSymbol(char c) { return std::string_view("()[]{},;.:+-*/<>=~!@#%^&|`?").find(c) != std::string_view::npos; }

Token MakeToken(const std::string& text, const PgQuery__ScanToken& raw) {
  Token token{static_cast<std::size_t>(raw.start),
              static_cast<std::size_t>(raw.end),
              {},
              raw.keyword_kind != PG_QUERY__KEYWORD_KIND__NO_KEYWORD};
  const auto written = text.substr(token.start, token.end - token.start);
  if (token.keyword) {
    std::transform(written.begin(), written.end(), std::back_inserter(token.word),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  } else if (std::all_of(written.begin(), written.end(), IsSymbol)) {
    token.word = written;
  } else if (raw.token == PG_QUERY__TOKEN__UESCAPE) {
    token.word = "UESCAPE";
  }
  return token;
}

}  // namespace

Source::Source(std::string text) : text_(std::move(text)) {
  const RawScan raw(text_.c_str());
  if (raw.result.error != nullptr) throw base::Error(base::Code::kSqlSyntax, raw.result.error->message);
  const std::unique_ptr<PgQuery__ScanResult, ScanDeleter> scan(pg_query__scan_result__unpack(
      nullptr, raw.result.pbuf.len, reinterpret_cast<const std::uint8_t*>(raw.result.pbuf.data)));
  if (scan == nullptr) throw base::Error(base::Code::kInternal, "the scanner of libpg_query gave an unreadable answer");
  for (std::size_t i = 0; i < scan->n_tokens; ++i) {
    const auto& token = *scan->tokens[i];
    if (token.token == PG_QUERY__TOKEN__SQL_COMMENT || token.token == PG_QUERY__TOKEN__C_COMMENT) continue;
    tokens_.push_back(MakeToken(text_, token));
  }
}

bool Source::Is(std::size_t token, std::string_view word) const {
  return token < tokens_.size() && tokens_[token].word == word;
}

Range Source::Between(std::size_t start, std::size_t end) const {
  const auto before = [](const Token& token, std::size_t byte) { return token.start < byte; };
  const auto first = std::lower_bound(tokens_.begin(), tokens_.end(), start, before);
  const auto last = std::lower_bound(first, tokens_.end(), end, before);
  return {static_cast<std::size_t>(first - tokens_.begin()), static_cast<std::size_t>(last - tokens_.begin())};
}

Range Source::From(Range range, std::size_t byte) const {
  while (!range.empty() && tokens_[range.first].start < byte) ++range.first;
  return range;
}

std::size_t Source::Find(Range range, std::string_view word) const {
  int depth = 0;
  for (std::size_t i = range.first; i < range.last; ++i) {
    if (depth == 0 && tokens_[i].word == word) return i;
    if (Opens(tokens_[i])) ++depth;
    if (Closes(tokens_[i])) --depth;
  }
  return range.last;
}

std::size_t Source::Closing(Range range, std::size_t open) const {
  int depth = 0;
  for (std::size_t i = open; i < range.last; ++i) {
    if (Opens(tokens_[i])) ++depth;
    if (Closes(tokens_[i]) && --depth == 0) return i;
  }
  return range.last;
}

std::vector<Range> Source::Split(Range range) const {
  std::vector<Range> parts;
  while (!range.empty()) {
    const auto comma = Find(range, ",");
    parts.push_back({range.first, comma});
    range.first = comma + 1;
  }
  return parts;
}

std::size_t Source::PastName(Range range, std::size_t token) const {
  std::size_t i = token;
  while (i < range.last) {
    ++i;
    if (i + 1 < range.last && Is(i, "UESCAPE")) i += 2;
    if (i >= range.last || !Is(i, ".")) return i;
    ++i;
  }
  return range.last;
}

std::string Source::Slice(Range range) const {
  if (range.empty()) return {};
  const auto start = tokens_[range.first].start;
  return text_.substr(start, tokens_[range.last - 1].end - start);
}

}  // namespace sql
