#include <fmt/format.h>

#include "plan/rules.h"

namespace plan {

void RunOpaque(Builder& builder, const sql::Action& action, const std::string& reason) {
  builder.names().TakeUnknown();
  // What creates something is harmless to the old version; anything else stands with the data changes.
  const bool creates = action.kind == sql::Kind::kCreateObject;
  const std::string what = action.object_kind.empty()
                               ? action.text.substr(0, 40)
                               : action.object_kind + (action.object.empty() ? "" : " " + action.object);
  Step& step = builder.Add(creates ? Phase::kExpand : Phase::kMigrate, creates ? Rank::kObjects : Rank::kData,
                           StepKind::kOpaque, fmt::format("statement {}: {}", action.statement, what), reason);
  // A subcommand of an ALTER TABLE runs alone: its neighbours may be steps of their own.
  const std::string relation = action.relation.schema.empty() ? pg::Ident(action.relation.name)
                                                              : pg::Ident(action.relation.schema, action.relation.name);
  step.forward = {{action.kind == sql::Kind::kOther && !action.definition.empty()
                       ? fmt::format("ALTER TABLE {}{} {}", action.only ? "ONLY " : "", relation, action.definition)
                       : action.text}};
  step.search_path = builder.AuthorsPath();
  const auto down = builder.release().downs.find(action.statement);
  if (down == builder.release().downs.end()) {
    step.reverse.reset();
    step.reverse_title =
        fmt::format("none: give opaque: [{{statement: {}, down: \"...\"}}] in release.yaml", action.statement);
  } else {
    step.reverse = {{down->second}};
    step.reverse_title = "the author's down";
  }
  if (!action.relation.name.empty()) builder.Touch(Resolve(builder.catalog(), action.relation));
}

}  // namespace plan
