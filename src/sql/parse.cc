#include "sql/parse.h"

extern "C" {
#include <pg_query.h>
}

#include <algorithm>
#include <map>

#include "base/error.h"
#include "sql/mentions.h"
#include "sql/statement.h"
#include "sql/tree.h"

namespace sql {
namespace {

using base::Json;

struct RawParse {
  explicit RawParse(const char* text) : result(pg_query_parse(text)) {}
  ~RawParse() { pg_query_free_parse_result(result); }
  RawParse(const RawParse&) = delete;
  RawParse& operator=(const RawParse&) = delete;
  PgQueryParseResult result;
};

std::string CaretUnder(std::string_view text, const Location& at) {
  const auto begin = at.offset == 0 ? 0 : text.rfind('\n', at.offset - 1) + 1;
  auto line = text.substr(begin, text.find('\n', at.offset) - begin);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  std::string caret;
  int column = 1;
  for (std::size_t i = 0; i < line.size() && column < at.column; ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xC0U) == 0x80U) continue;
    caret += line[i] == '\t' ? '\t' : ' ';
    ++column;
  }
  return std::string(line) + "\n" + caret + "^";
}

SyntaxError BrokenAt(std::string_view text, std::string message, const Location& at) {
  return {std::move(message), at, CaretUnder(text, at)};
}

// Length of the UTF-8 character at `i`; 0: none begins there.
std::size_t CharacterAt(std::string_view text, std::size_t i) {
  const auto byte = static_cast<unsigned char>(text[i]);
  const std::size_t length = byte < 0x80                   ? 1
                             : byte >= 0xF0 && byte < 0xF5 ? 4
                             : byte >= 0xE0                ? 3
                             : byte >= 0xC2                ? 2
                                                           : 0;
  if (byte >= 0xF5 || length == 0 || i + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((static_cast<unsigned char>(text[i + k]) & 0xC0U) != 0x80U) return 0;
  }
  return length;
}

// libpg_query reads up to the first NUL and trusts the encoding.
std::optional<SyntaxError> BrokenText(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto length = CharacterAt(text, i);
    if (text[i] == '\0') return BrokenAt(text, "a NUL byte stands in the text", LocateByte(text, i));
    if (length == 0) return BrokenAt(text, "the text is not UTF-8", LocateByte(text, i));
    i += length;
  }
  return {};
}

using Rule = Actions (*)(const Statement&);
const std::map<std::string, Rule, std::less<>>& Rules() {
  static const std::map<std::string, Rule, std::less<>> kRules = {
      {"AlterTableStmt", AlterTable},
      {"RenameStmt", Rename},
      {"DropStmt", Drop},
      {"CreateStmt", CreateTable},
      {"CreateTableAsStmt", CreateTableAs},
      {"IndexStmt", CreateIndex},
      {"UpdateStmt", Update},
      {"DeleteStmt", Delete},
      {"InsertStmt", Insert},
      {"SelectStmt", Select},
  };
  return kRules;
}

Actions ReadStatement(const Source& source, const Json& raw, int number) {
  const auto start = Number(raw, "stmt_location");
  const auto length = Number(raw, "stmt_len");
  const auto range = source.Between(start, length == 0 ? source.text().size() : start + length);
  const auto& wrapped = At(raw, "stmt");
  const auto type = TypeOfNode(wrapped);
  Action base;
  base.text = source.Slice(range);
  base.statement = number;
  base.at = LocateByte(source.text(), source.tokens().at(range.first).start);
  base.says = MentionsOf(type, As(wrapped, type));
  if (type == "CreateFunctionStmt" || type == "DoStmt") base.body = BodyOf(type, As(wrapped, type), base.text);
  const Statement statement{source, range, type, As(wrapped, type), std::move(base)};
  const auto rule = Rules().find(type);
  return rule == Rules().end() ? Remaining(statement) : rule->second(statement);
}

}  // namespace

Action Statement::Make(Kind kind) const {
  Action action = base;
  action.kind = kind;
  return action;
}

Action Statement::Other(std::string object_kind, std::string object) const {
  Action action = Make(Kind::kOther);
  action.object_kind = std::move(object_kind);
  action.object = std::move(object);
  return action;
}

Parsed Parse(std::string_view text) {
  if (auto broken = BrokenText(text)) return *std::move(broken);
  const std::string copy(text);
  const RawParse raw(copy.c_str());
  if (const auto* error = raw.result.error) {
    return BrokenAt(text, error->message,
                    LocateCharacter(text, static_cast<std::size_t>(std::max(error->cursorpos, 1))));
  }
  const auto tree = base::ParseJson(raw.result.parse_tree, "the parser's answer");
  const Source source(copy);
  Actions all;
  int number = 0;
  for (const auto& statement : At(tree, "stmts")) {
    auto actions = ReadStatement(source, statement, ++number);
    if (actions.empty()) throw base::Error(base::Code::kInternal, "a statement of the change was read as nothing");
    std::move(actions.begin(), actions.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace sql
