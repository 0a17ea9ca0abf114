#include <map>

#include "sql/statement.h"
#include "sql/tree.h"

namespace sql {
namespace {

using base::Json;

// "AT_SetStatistics" -> "SET STATISTICS", where that is what an author writes.
std::string SubcommandWords(const std::string& subtype) {
  static const std::map<std::string, std::string> kWritten = {
      {"AT_AddInherit", "INHERIT"},
      {"AT_DropInherit", "NO INHERIT"},
      {"AT_AddOf", "OF"},
      {"AT_DropOf", "NOT OF"},
      {"AT_ChangeOwner", "OWNER TO"},
      {"AT_DropCluster", "SET WITHOUT CLUSTER"},
      {"AT_DropOids", "SET WITHOUT OIDS"},
      {"AT_SetUnLogged", "SET UNLOGGED"},
      {"AT_SetTableSpace", "SET TABLESPACE"},
      {"AT_SetRelOptions", "SET (storage parameters)"},
      {"AT_ResetRelOptions", "RESET (storage parameters)"},
      {"AT_SetOptions", "ALTER COLUMN SET (options)"},
      {"AT_ResetOptions", "ALTER COLUMN RESET (options)"},
      {"AT_GenericOptions", "OPTIONS"},
      {"AT_AlterColumnGenericOptions", "ALTER COLUMN OPTIONS"},
      {"AT_EnableTrig", "ENABLE TRIGGER"},
      {"AT_EnableAlwaysTrig", "ENABLE ALWAYS TRIGGER"},
      {"AT_EnableReplicaTrig", "ENABLE REPLICA TRIGGER"},
      {"AT_DisableTrig", "DISABLE TRIGGER"},
      {"AT_EnableTrigAll", "ENABLE TRIGGER ALL"},
      {"AT_DisableTrigAll", "DISABLE TRIGGER ALL"},
      {"AT_EnableTrigUser", "ENABLE TRIGGER USER"},
      {"AT_DisableTrigUser", "DISABLE TRIGGER USER"},
      {"AT_EnableRowSecurity", "ENABLE ROW LEVEL SECURITY"},
      {"AT_DisableRowSecurity", "DISABLE ROW LEVEL SECURITY"},
      {"AT_ForceRowSecurity", "FORCE ROW LEVEL SECURITY"},
      {"AT_NoForceRowSecurity", "NO FORCE ROW LEVEL SECURITY"},
      {"AT_DetachPartitionFinalize", "DETACH PARTITION FINALIZE"},
  };
  if (const auto found = kWritten.find(subtype); found != kWritten.end()) return found->second;
  std::string words;
  for (std::size_t i = 3; i < subtype.size(); ++i) {
    const char c = subtype[i];
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital && i > 3) words += ' ';
    words += capital ? c : static_cast<char>(c - 'a' + 'A');
  }
  return words;
}

Action Unknown(const Statement& statement, const Json& command) {
  auto action = statement.Other("ALTER TABLE ... " + SubcommandWords(Str(command, "subtype")));
  action.column = Str(command, "name");
  return action;
}

Action AddColumn(const Statement& statement, Range part, const Json& command) {
  auto action = statement.Make(Kind::kAddColumn);
  action.column_def = ReadColumnDef(statement.source, part, As(At(command, "def"), "ColumnDef"));
  action.column = action.column_def->name;
  action.if_exists = Flag(command, "missing_ok");
  return action;
}

Action AlterType(const Statement& statement, Range part, const Json& command) {
  const auto& source = statement.source;
  const auto& definition = As(At(command, "def"), "ColumnDef");
  // A collation is more than a type: no rule knows it.
  if (!At(definition, "collClause").is_null()) {
    auto action = statement.Other("ALTER TABLE ... ALTER COLUMN TYPE ... COLLATE");
    action.column = Str(command, "name");
    return action;
  }
  auto action = statement.Make(Kind::kAlterType);
  const auto type = source.From(part, Number(At(definition, "typeName"), "location"));
  const auto keyword = source.Find(type, "USING");
  action.type = source.Slice({type.first, keyword});
  action.expression = source.Slice({keyword + 1, type.last});
  return action;
}

Action AlterDefault(const Statement& statement, Range part, const Json& command) {
  const auto& expression = At(command, "def");
  if (expression.is_null()) return statement.Make(Kind::kDropDefault);
  // SET DEFAULT DEFAULT is accepted by the grammar and refused by the server.
  auto action = statement.Make(Kind::kSetDefault);
  // The column's name may be a quoted "DEFAULT" but never the keyword, which is reserved.
  action.expression = statement.source.Slice({statement.source.Find(part, "DEFAULT") + 1, part.last});
  action.constant_default = IsConstant(expression);
  return action;
}

Action ReplicaIdentity(const Statement& statement, const Json& command) {
  static const std::map<std::string, std::string> kWritten = {
      {"d", "DEFAULT"}, {"f", "FULL"}, {"n", "NOTHING"}, {"i", "USING INDEX"}};
  const auto& definition = As(At(command, "def"), "ReplicaIdentityStmt");
  const auto found = kWritten.find(Str(definition, "identity_type"));
  if (found == kWritten.end()) return Unknown(statement, command);
  auto action = statement.Make(Kind::kSetReplica);
  action.definition = found->second;
  action.using_index = Str(definition, "name");
  return action;
}

Action ReadSubcommand(const Statement& statement, Range part, const Json& command) {
  const auto subtype = Str(command, "subtype");
  Action action;
  if (subtype == "AT_AddColumn") return AddColumn(statement, part, command);
  if (subtype == "AT_AddConstraint") return ReadConstraint(statement, part, As(At(command, "def"), "Constraint"));
  if (subtype == "AT_ReplicaIdentity") return ReplicaIdentity(statement, command);
  if (subtype == "AT_DropConstraint") {
    action = statement.Make(Kind::kDropConstraint);
    action.constraint = Str(command, "name");
  } else {
    if (subtype == "AT_DropColumn") {
      action = statement.Make(Kind::kDropColumn);
    } else if (subtype == "AT_AlterColumnType") {
      action = AlterType(statement, part, command);
    } else if (subtype == "AT_SetNotNull") {
      action = statement.Make(Kind::kSetNotNull);
    } else if (subtype == "AT_DropNotNull") {
      action = statement.Make(Kind::kDropNotNull);
    } else if (subtype == "AT_ColumnDefault") {
      action = AlterDefault(statement, part, command);
    } else {
      return Unknown(statement, command);
    }
    action.column = Str(command, "name");
  }
  action.if_exists = Flag(command, "missing_ok");
  action.cascade = Str(command, "behavior") == "DROP_CASCADE";
  return action;
}

// The subcommands: what stands after ALTER TABLE [IF EXISTS] [ONLY] name [*].
Range Subcommands(const Statement& statement, const Json& relation) {
  const auto& source = statement.source;
  auto rest = source.From(statement.range, Number(relation, "location"));
  rest.first = source.PastName(rest, rest.first);
  while (source.Is(rest.first, "*") || source.Is(rest.first, ")")) ++rest.first;
  return rest;
}

}  // namespace

Actions AlterTable(const Statement& statement) {
  if (Str(statement.node, "objtype") != "OBJECT_TABLE") return Remaining(statement);
  const auto& relation = At(statement.node, "relation");
  const auto& commands = At(statement.node, "cmds");
  const auto parts = statement.source.Split(Subcommands(statement, relation));
  Actions actions;
  // Where the commas are not the parser's, no slice can be trusted: then the statement is one thing that nobody knows.
  const bool sliced = parts.size() == commands.size();
  for (std::size_t i = 0; i < (sliced ? commands.size() : 1); ++i) {
    const auto& command = As(commands[i], "AlterTableCmd");
    auto action = sliced ? ReadSubcommand(statement, parts[i], command) : Unknown(statement, command);
    if (sliced && (action.kind == Kind::kOther || action.kind == Kind::kDropConstraint))
      action.definition = statement.source.Slice(parts[i]);
    action.relation = RelationOf(relation);
    action.only = !Flag(relation, "inh");
    action.if_exists = action.if_exists || Flag(statement.node, "missing_ok");
    actions.push_back(std::move(action));
  }
  return actions;
}

}  // namespace sql
