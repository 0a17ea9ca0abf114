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

// The tree of one expression. Throws kBadExpression.
Json ExpressionTree(std::string_view expression) {
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
  return tree;
}

bool BuiltIn(const Name& name) { return name.schema.empty() || name.schema == "pg_catalog"; }

bool IsOfTheMoment(const Json& call) {
  static const std::set<std::string> kMoment = {"now",
                                                "clock_timestamp",
                                                "statement_timestamp",
                                                "transaction_timestamp",
                                                "timeofday",
                                                "random",
                                                "setseed",
                                                "gen_random_uuid",
                                                "uuid_generate_v4",
                                                "nextval",
                                                "currval",
                                                "lastval",
                                                "current_setting",
                                                "set_config",
                                                "current_database",
                                                "current_schema",
                                                "current_query",
                                                "pg_backend_pid",
                                                "txid_current",
                                                "pg_current_xact_id",
                                                "inet_client_addr",
                                                "inet_client_port",
                                                "pg_trigger_depth"};
  return kMoment.contains(NameOf(At(call, "funcname")).name);
}

// Functions of the server over numbers, texts and booleans that mean the same in every session.
bool IsOfTheRow(const Json& call) {
  static const std::set<std::string> kRow = {
      "abs",     "btrim",       "ceil",   "ceiling", "char_length", "character_length",
      "chr",     "div",         "floor",  "initcap", "left",        "length",
      "lower",   "lpad",        "ltrim",  "md5",     "mod",         "octet_length",
      "overlay", "position",    "power",  "repeat",  "replace",     "reverse",
      "right",   "round",       "rpad",   "rtrim",   "sign",        "split_part",
      "sqrt",    "starts_with", "strpos", "substr",  "substring",   "translate",
      "trunc",   "upper"};
  const Name name = NameOf(At(call, "funcname"));
  return BuiltIn(name) && kRow.contains(name.name);
}

bool IsPlainType(const Json& cast) {
  static const std::set<std::string> kPlain = {"int2", "int4", "int8",    "numeric", "text",
                                               "bool", "uuid", "varchar", "bpchar"};
  const Json& type = At(cast, "typeName");
  const Name name = NameOf(At(type, "names"));
  return BuiltIn(name) && kPlain.contains(name.name) && At(type, "arrayBounds").empty();
}

// "x = NULL" is "x IS NULL" where transform_null_equals says so.
bool EqualsNull(const Json& operation) {
  const auto null = [&](std::string_view side) { return Flag(As(At(operation, side), "A_Const"), "isnull"); };
  return null("lexpr") || null("rexpr");
}

bool IsPlainOperator(const Json& operation) {
  static const std::set<std::string> kPlain = {"+", "-",  "*",  "/",  "%",  "=",   "<>",      "<",
                                               ">", "<=", ">=", "||", "~~", "!~~", "BETWEEN", "NOT BETWEEN"};
  return kPlain.contains(NameOf(At(operation, "name")).name) && !EqualsNull(operation);
}

bool OfTheRow(const Json& node) {
  for (const char* other : {"A_ArrayExpr", "RowExpr", "XmlExpr", "XmlSerialize", "A_Indirection"}) {
    if (node.contains(other)) return false;
  }
  if (const Json& call = As(node, "FuncCall"); !call.is_null()) return IsOfTheRow(call);
  if (const Json& cast = As(node, "TypeCast"); !cast.is_null()) return IsPlainType(cast);
  if (const Json& operation = As(node, "A_Expr"); !operation.is_null()) return IsPlainOperator(operation);
  return true;
}

}  // namespace

std::vector<std::string> ExpressionColumns(std::string_view expression) {
  return ColumnsRead(ExpressionTree(expression));
}

DependsOn ExpressionDependsOn(std::string_view expression) {
  // A backslash in a literal is what standard_conforming_strings says, also where it was meant as one.
  DependsOn depends = expression.find('\\') == std::string_view::npos ? DependsOn::kRow : DependsOn::kSession;
  Walk(ExpressionTree(expression), [&](const Json& node) {
    const Json& call = As(node, "FuncCall");
    if (node.contains("SQLValueFunction") || (!call.is_null() && IsOfTheMoment(call))) depends = DependsOn::kMoment;
    if (depends == DependsOn::kRow && !OfTheRow(node)) depends = DependsOn::kSession;
    return true;
  });
  return depends;
}

}  // namespace sql
