#include <map>

#include "sql/statement.h"
#include "sql/tree.h"

namespace sql {
namespace {

using base::Json;

struct Form {
  Kind kind;
  const char* word;
};

}  // namespace

Action ReadConstraint(const Statement& statement, Range part, const Json& constraint) {
  static const std::map<std::string, Form> kForms = {
      {"CONSTR_CHECK", {Kind::kAddCheck, "CHECK"}},
      {"CONSTR_FOREIGN", {Kind::kAddForeignKey, "FOREIGN"}},
      {"CONSTR_UNIQUE", {Kind::kAddUnique, "UNIQUE"}},
      {"CONSTR_PRIMARY", {Kind::kAddPrimaryKey, "PRIMARY"}},
  };
  const auto type = Str(constraint, "contype");
  const auto form = kForms.find(type);
  if (form == kForms.end()) {
    auto other = statement.Other("ALTER TABLE ... ADD " + std::string(type == "CONSTR_EXCLUSION" ? "EXCLUDE " : "") +
                                 "constraint");
    other.constraint = Str(constraint, "conname");
    return other;
  }
  const auto& source = statement.source;
  auto action = statement.Make(form->second.kind);
  action.constraint = Str(constraint, "conname");
  const auto start = source.From(part, Number(constraint, "location"));
  Range body{source.Find(start, form->second.word), part.last};
  action.not_valid = Flag(constraint, "skip_validation");
  if (action.not_valid) body.last = source.Find({body.last - 2, body.last}, "NOT");
  action.definition = source.Slice(body);
  if (action.kind == Kind::kAddCheck) {
    const auto open = body.first + 1;
    action.expression = source.Slice({open + 1, source.Closing(body, open)});
    action.columns = ColumnsRead(At(constraint, "raw_expr"));
    action.no_inherit = Flag(constraint, "is_no_inherit");
  } else if (action.kind == Kind::kAddForeignKey) {
    action.columns = Strings(At(constraint, "fk_attrs"));
    for (const char* when : {"fk_del_action", "fk_upd_action"}) {
      const auto what = Str(constraint, when);
      action.acts = action.acts || what == "c" || what == "n" || what == "d";
    }
    action.referenced = RelationOf(At(constraint, "pktable"));
    action.referenced_columns = Strings(At(constraint, "pk_attrs"));
  } else {
    action.columns = Strings(At(constraint, "keys"));
    action.using_index = Str(constraint, "indexname");
    action.unique_form = {
        .included = Strings(At(constraint, "including")),
        .nulls_not_distinct = Flag(constraint, "nulls_not_distinct"),
        .deferrable = Flag(constraint, "deferrable"),
        .initially_deferred = Flag(constraint, "initdeferred"),
        .stored_apart = !At(constraint, "options").empty() || !Str(constraint, "indexspace").empty(),
    };
  }
  return action;
}

}  // namespace sql
