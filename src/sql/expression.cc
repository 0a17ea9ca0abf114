extern "C" {
#include <pg_query.h>
}

#include <set>

#include "base/error.h"
#include "sql/parse.h"
#include "sql/tree.h"

namespace sql {
namespace {

using base::Json;

[[noreturn]] void Refuse(std::string_view expression, const std::string& why) {
  throw base::Error(base::Code::kBadExpression, "cannot use the expression " + std::string(expression)).Detail(why);
}

// Which functions are aggregates only the server knows for sure; these are PostgreSQL's own.
bool IsAggregate(const Json& call) {
  static const std::set<std::string> kAggregates = {"array_agg",
                                                    "avg",
                                                    "bit_and",
                                                    "bit_or",
                                                    "bit_xor",
                                                    "bool_and",
                                                    "bool_or",
                                                    "count",
                                                    "every",
                                                    "json_agg",
                                                    "jsonb_agg",
                                                    "json_object_agg",
                                                    "jsonb_object_agg",
                                                    "max",
                                                    "min",
                                                    "range_agg",
                                                    "range_intersect_agg",
                                                    "string_agg",
                                                    "sum",
                                                    "xmlagg",
                                                    "corr",
                                                    "covar_pop",
                                                    "covar_samp",
                                                    "regr_slope",
                                                    "stddev",
                                                    "stddev_pop",
                                                    "stddev_samp",
                                                    "variance",
                                                    "var_pop",
                                                    "var_samp",
                                                    "mode",
                                                    "percentile_cont",
                                                    "percentile_disc"};
  const auto name = NameOf(At(call, "funcname"));
  if (Flag(call, "agg_star") || Flag(call, "agg_distinct") || Flag(call, "agg_within_group")) return true;
  if (!At(call, "agg_filter").is_null() || !At(call, "agg_order").empty()) return true;
  return (name.schema.empty() || name.schema == "pg_catalog") && kAggregates.contains(name.name);
}

void CheckNode(std::string_view expression, const Json& node) {
  if (node.contains("SubLink")) Refuse(expression, "it has a subquery");
  if (node.contains("ParamRef")) Refuse(expression, "it has a parameter");
  if (node.contains("SetToDefault")) Refuse(expression, "DEFAULT is no expression here");
  if (node.contains("GroupingFunc")) Refuse(expression, "it has an aggregate");
  if (const auto& fields = At(As(node, "ColumnRef"), "fields"); !fields.empty() && fields.back().contains("A_Star")) {
    Refuse(expression, "it reads whole rows");
  }
  const auto& call = As(node, "FuncCall");
  if (call.is_null()) return;
  if (!At(call, "over").is_null()) Refuse(expression, "it has a window function");
  if (IsAggregate(call)) Refuse(expression, "it has an aggregate");
}

}  // namespace

std::vector<std::string> ExpressionColumns(std::string_view expression) {
  // In this place the grammar takes one expression and nothing after it; a comma or ';' in it shows as a second
  // command.
  const auto parsed = Parse("ALTER TABLE t ALTER c SET DEFAULT " + std::string(expression));
  if (const auto* error = std::get_if<SyntaxError>(&parsed)) Refuse(expression, error->message);
  const auto& actions = std::get<std::vector<Action>>(parsed);
  if (actions.size() != 1 || actions[0].kind != Kind::kSetDefault) Refuse(expression, "it is more than one expression");
  const auto raw = pg_query_parse(actions[0].text.c_str());
  const auto tree = base::ParseJson(raw.parse_tree, "the parser's answer");
  pg_query_free_parse_result(raw);
  Walk(tree, [&](const Json& node) {
    CheckNode(expression, node);
    return true;
  });
  return ColumnsRead(tree);
}

}  // namespace sql
