#include <fmt/format.h>

#include "plan/conditions.h"
#include "plan/rules.h"

namespace plan {
namespace {

constexpr const char* kRetiredSchema = "switchback_retired";

// Hides a table under a generated name in a schema of ours. Its foreign keys would go on restricting the tables they
// refer to: they are dropped and remembered. Its indexes and sequences take generated names, so that those of two
// retired tables never collide. It moves between the schemas under its generated name: the server then finds its row
// type a free name there. What the table has at this moment decides, so it is done by a block, not by a list made at
// plan time.
std::string RetireTable(const Builder& builder, const pg::QualifiedName& table, const std::string& retired) {
  const std::string body =
      fmt::format(R"sql(
DECLARE
  entry record;
  n integer := 0;
BEGIN
  -- The table and those that it refers to, in the order of all steps, and no long wait for one while another is held.
  FOR entry IN SELECT s.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
               WHERE c.oid = pg_catalog.to_regclass({0}) OR c.oid IN (SELECT confrelid FROM pg_catalog.pg_constraint
                 WHERE conrelid = pg_catalog.to_regclass({0}) AND contype = 'f')
               ORDER BY s.nspname COLLATE "C", c.relname COLLATE "C" LOOP
    EXECUTE pg_catalog.format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', entry.nspname, entry.relname);
    PERFORM pg_catalog.set_config('lock_timeout', LEAST(l.setting::pg_catalog.int8, d.reset_val::pg_catalog.int8 / 2)::text, true)
      FROM pg_catalog.pg_settings l, pg_catalog.pg_settings d WHERE l.name = 'lock_timeout' AND d.name = 'deadlock_timeout';
  END LOOP;
  -- One that is on its way to be proven is what it was.
  FOR entry IN SELECT c.conname, COALESCE((SELECT r.definition FROM switchback.retired r
                 WHERE r.release = {1} AND r.kind = 'foreign key' AND pg_catalog.starts_with(r.generated_name, {2} || '_')
                   AND r.former_name = c.conname), pg_catalog.pg_get_constraintdef(c.oid)) AS definition
               FROM pg_catalog.pg_constraint c
               WHERE c.conrelid = pg_catalog.to_regclass({0}) AND c.contype = 'f' ORDER BY c.conname LOOP
    n := n + 1;
    INSERT INTO switchback.retired (release, generated_name, schema, kind, former_schema, former_name, definition)
    VALUES ({1}, {2} || '_f' || n, {3}, 'foreign key', {4}, entry.conname, entry.definition)
    ON CONFLICT (release, generated_name) DO UPDATE SET former_name = excluded.former_name, definition = excluded.definition;
    EXECUTE pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', {0}, entry.conname);
  END LOOP;
  n := 0;
  FOR entry IN SELECT c.relname, s.nspname, owned.kind
               FROM (SELECT indexrelid AS oid, 'index' AS kind FROM pg_catalog.pg_index
                     WHERE indrelid = pg_catalog.to_regclass({0})
                     UNION ALL
                     SELECT d.objid, 'sequence' FROM pg_catalog.pg_depend d
                     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = d.classid
                       AND d.refobjid = pg_catalog.to_regclass({0}) AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')) owned
               JOIN pg_catalog.pg_class c ON c.oid = owned.oid AND (owned.kind = 'index' OR c.relkind = 'S')
               JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace ORDER BY c.relname LOOP
    n := n + 1;
    INSERT INTO switchback.retired (release, generated_name, schema, kind, former_schema, former_name, definition)
    VALUES ({1}, {2} || '_i' || n, {3}, entry.kind, {4}, entry.relname, '');
    EXECUTE pg_catalog.format('ALTER %s %I.%I RENAME TO %I', entry.kind, entry.nspname, entry.relname, {2} || '_i' || n);
  END LOOP;
  CREATE SCHEMA IF NOT EXISTS {6};
  ALTER TABLE {5} RENAME TO {8};
  ALTER TABLE {7} SET SCHEMA {6};
END)sql",
                  pg::Literal(table.Sql()), pg::Literal(builder.release().name), pg::Literal(retired),
                  pg::Literal(kRetiredSchema), pg::Literal(table.schema), table.Sql(), pg::Ident(kRetiredSchema),
                  pg::Ident(table.schema, retired), pg::Ident(retired));
  return "DO " + pg::DollarQuote(body);
}

std::string BringTableBack(const Builder& builder, const pg::QualifiedName& table, const std::string& retired) {
  const std::string body =
      fmt::format(R"sql(
DECLARE
  entry record;
BEGIN
  ALTER TABLE {0} SET SCHEMA {3};
  ALTER TABLE {2} RENAME TO {1};
  FOR entry IN SELECT * FROM switchback.retired WHERE release = {4} AND pg_catalog.starts_with(generated_name, {5} || '_') LOOP
    IF entry.kind IN ('index', 'sequence') THEN
      EXECUTE pg_catalog.format('ALTER %s %I.%I RENAME TO %I', entry.kind, {6}, entry.generated_name, entry.former_name);
    ELSIF entry.kind = 'foreign key' THEN
      EXECUTE pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', {7}, entry.former_name, pg_catalog.regexp_replace(entry.definition, ' NOT VALID$', ''));
    END IF;
  END LOOP;
  DELETE FROM switchback.retired WHERE release = {4} AND kind NOT IN ('rows', 'foreign key') AND (generated_name = {5} OR pg_catalog.starts_with(generated_name, {5} || '_'));
END)sql",
                  pg::Ident(kRetiredSchema, retired), pg::Ident(table.name), pg::Ident(table.schema, retired),
                  pg::Ident(table.schema), pg::Literal(builder.release().name), pg::Literal(retired),
                  pg::Literal(table.schema), pg::Literal(table.Sql()));
  return "DO " + pg::DollarQuote(body);
}

// Those that came back and were proven before: a query over them as c.
std::string ProvenBefore(const Builder& builder, const pg::QualifiedName& table, const std::string& retired) {
  return fmt::format(
      "c.conrelid = pg_catalog.to_regclass({}) AND c.contype = 'f' AND NOT c.convalidated AND EXISTS (SELECT FROM "
      "switchback.retired e WHERE e.release = {} AND e.kind = 'foreign key' AND "
      "pg_catalog.starts_with(e.generated_name, "
      "{}) AND e.former_name = c.conname AND e.definition !~ ' NOT VALID$')",
      pg::Literal(table.Sql()), pg::Literal(builder.release().name), pg::Literal(retired + "_"));
}

Statement ForgetForeignKeys(const Builder& builder, const std::string& retired) {
  return {
      fmt::format("DELETE FROM switchback.retired WHERE release = {} AND kind = 'foreign key' AND "
                  "pg_catalog.starts_with(generated_name, {})",
                  pg::Literal(builder.release().name), pg::Literal(retired + "_"))};
}

// Foreign keys come back NOT VALID, because rows may have gone from the other side. A way back goes on: what stays NOT
// VALID is told with its rows.
std::string ValidateForeignKeys(const Builder& builder, const pg::QualifiedName& table, const std::string& retired) {
  return "DO " + pg::DollarQuote(fmt::format(R"sql(
DECLARE
  entry record;
BEGIN
  FOR entry IN SELECT c.conname FROM pg_catalog.pg_constraint c WHERE {1} ORDER BY c.conname LOOP
    BEGIN
      EXECUTE pg_catalog.format('ALTER TABLE %s VALIDATE CONSTRAINT %I', {0}, entry.conname);
    EXCEPTION WHEN foreign_key_violation THEN NULL;
    END;
  END LOOP;
END)sql",
                                             pg::Literal(table.Sql()), ProvenBefore(builder, table, retired)));
}

// The same on a way forward, which makes what the author wrote: to rows that refer to rows that went while the table
// was retired happens what the foreign key would have done had it been there. They are kept beside the retired table,
// as they were, until `close`. One that would have refused refuses now.
std::string MakeForeignKeysHold(const Builder& builder, const pg::QualifiedName& table, const std::string& retired) {
  const pg::QualifiedName aside{kRetiredSchema, retired + "_rows"};
  return "DO " + pg::DollarQuote(fmt::format(
                     R"sql(
DECLARE
  target CONSTANT text := {0};
  aside CONSTANT text := {1};
  entry record;
  found boolean;
BEGIN
  FOR entry IN
    SELECT c.conname, c.confdeltype, c.confupdtype, pg_catalog.format('%s AND NOT EXISTS (SELECT FROM %s r WHERE %s)',
             pg_catalog.string_agg(pg_catalog.format('t.%I IS NOT NULL', a.attname), ' AND '), c.confrelid::pg_catalog.regclass,
             pg_catalog.string_agg(pg_catalog.format('r.%I OPERATOR(%I.%s) t.%I', f.attname, s.nspname, o.oprname, a.attname), ' AND ')) AS orphaned,
           (SELECT pg_catalog.string_agg(pg_catalog.format('%I = NULL', own.attname), ', ') FROM pg_catalog.pg_attribute own
             WHERE own.attrelid = c.conrelid AND pg_catalog.to_jsonb(own.attnum) <@ -- confdelsetcols came with PostgreSQL 15
               COALESCE(NULLIF(pg_catalog.to_jsonb(c) -> 'confdelsetcols', 'null'), pg_catalog.to_jsonb(c.conkey))) AS emptied
      FROM pg_catalog.pg_constraint c
      CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey), pg_catalog.unnest(c.conpfeqop)) AS k(own, other, operator)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own
      JOIN pg_catalog.pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = k.other
      JOIN pg_catalog.pg_operator o ON o.oid = k.operator
      JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace
     WHERE {7}
     GROUP BY c.oid
     ORDER BY c.confdeltype, c.conname -- rows that go before those that change
  LOOP
    EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM %s t WHERE %s)', target, entry.orphaned) INTO found;
    -- Where an update of the other side would have come along, nobody knows whether that went or has another key now.
    IF found AND entry.confdeltype IN ('c', 'n') AND entry.confupdtype IN ('a', 'r') THEN
      EXECUTE pg_catalog.format('CREATE TABLE IF NOT EXISTS %s AS SELECT * FROM %s WITH NO DATA', aside, target);
      EXECUTE pg_catalog.format('INSERT INTO %s SELECT t.* FROM %s t WHERE %s FOR UPDATE OF t', aside, target, entry.orphaned);
      INSERT INTO switchback.retired (release, generated_name, schema, kind, former_schema, former_name, definition)
      VALUES ({2}, {3}, {4}, 'rows', {5}, {6}, '') ON CONFLICT DO NOTHING;
      IF entry.confdeltype = 'c' THEN
        EXECUTE pg_catalog.format('DELETE FROM %s t WHERE %s', target, entry.orphaned);
      ELSE
        EXECUTE pg_catalog.format('UPDATE %s t SET %s WHERE %s', target, entry.emptied, entry.orphaned);
      END IF;
      SET CONSTRAINTS ALL IMMEDIATE;
    END IF;
    EXECUTE pg_catalog.format('ALTER TABLE %s VALIDATE CONSTRAINT %I', target, entry.conname);
  END LOOP;
END)sql",
                     pg::Literal(table.Sql()), pg::Literal(aside.Sql()), pg::Literal(builder.release().name),
                     pg::Literal(aside.name), pg::Literal(aside.schema), pg::Literal(table.schema),
                     pg::Literal(table.name), ProvenBefore(builder, table, retired)));
}

void PurgeTable(Builder& builder, const pg::QualifiedName& table, const std::string& retired) {
  const pg::QualifiedName hidden{kRetiredSchema, retired};
  Step& step = builder.Add(Phase::kPurge, Rank::kFinish, StepKind::kSql,
                           fmt::format("drop the retired table {}", table.Text()), "the rollback window is over");
  step.forward = {{fmt::format("DROP TABLE {}", hidden.Sql())},
                  {fmt::format("DELETE FROM switchback.retired WHERE release = {} AND (generated_name = {} OR "
                               "pg_catalog.starts_with(generated_name, {}))",
                               pg::Literal(builder.release().name), pg::Literal(retired), pg::Literal(retired + "_"))}};
  step.reverse.reset();
  step.reverse_title = "none: only the backup has the table from here on";
  step.postcondition = {Not(TableExists(hidden)), "the retired table is gone"};
  step.accesses.clear();
  step.locks = {{hidden, "ACCESS EXCLUSIVE", LockWork::kNone}};
}

// Joins a table that the release creates to the checkpoint's publications, in the transaction that creates it: its rows
// would not be decoded otherwise.
std::vector<Statement> JoinPublications(const Builder& builder, const pg::QualifiedName& table) {
  std::vector<Statement> statements;
  for (const bool keyed : {true, false}) {
    const std::string publication = fmt::format("switchback_{}_{}", builder.hex(), keyed ? "k" : "n");
    statements.push_back(
        {fmt::format("ALTER PUBLICATION {} ADD TABLE {}", pg::Ident(publication), table.Sql()),
         fmt::format(
             "SELECT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = {}) AND {} EXISTS (SELECT FROM "
             "pg_catalog.pg_index WHERE indrelid = pg_catalog.to_regclass({}) AND indisprimary) AND NOT EXISTS (SELECT "
             "FROM "
             "pg_catalog.pg_publication_rel WHERE prrelid = pg_catalog.to_regclass({}))",
             pg::Literal(publication), keyed ? "" : "NOT", pg::Literal(table.Sql()), pg::Literal(table.Sql()))});
  }
  return statements;
}

}  // namespace

void CreateTable(Builder& builder, const sql::Action& action) {
  const pg::QualifiedName table = Resolve(builder.catalog(), action.relation);
  if (builder.catalog().Find(action.relation.schema, action.relation.name) != nullptr) {
    builder.Block(table.Text(), "a table of this name exists", "take another name, or alter the table", action.at);
    return;
  }
  if (!builder.names().TakeRelation(table)) {
    builder.Block(table.Text(), "an index, a sequence or another table of this release has this name",
                  "take another name", action.at);
    return;
  }
  builder.Touch(table);
  builder.Make(table, !action.like);
  std::vector<Lock> locks;
  for (const sql::Inline& one : action.inlines) {
    const std::string name = one.name.empty() ? builder.names().Choose(table, one.columns, one.kind) : one.name;
    if (one.kind != "seq") builder.names().TakeConstraint(table, name);
    if (one.kind != "check" && one.kind != "fkey") builder.names().TakeRelation({table.schema, name});
    const pg::QualifiedName referenced = Resolve(builder.catalog(), one.referenced);
    if (one.kind == "fkey" && referenced != table)
      locks.push_back({referenced, "SHARE ROW EXCLUSIVE", LockWork::kNone});
  }
  const std::string retired = builder.NewName();
  const pg::QualifiedName hidden{kRetiredSchema, retired};
  Step& step = builder.Add(Phase::kExpand, Rank::kObjects, StepKind::kSql, fmt::format("create table {}", table.Text()),
                           "the old version does not know it");
  step.forward = {{BringTableBack(builder, table, retired), TableExists(hidden)},
                  {action.text, Not(TableExists(table))}};
  for (Statement& join : JoinPublications(builder, table)) step.forward.push_back(std::move(join));
  step.locks = std::move(locks);
  step.reverse = {{RetireTable(builder, table, retired)}, {RememberRetired(builder, retired, "table", table, "")}};
  step.reverse_title = "retire it with its rows";
  step.search_path = builder.AuthorsPath();
  step.postcondition = {TableExists(table), "the table is there"};
  step.reverse_postcondition = {Not(TableExists(table)), "the table is retired"};

  Step& validate = builder.Add(Phase::kExpand, Rank::kObjects, StepKind::kSql,
                               fmt::format("validate the foreign keys of {}", table.Text()),
                               "after an undo the table comes back with them NOT VALID");
  validate.forward = {{MakeForeignKeysHold(builder, table, retired)}, ForgetForeignKeys(builder, retired)};
  validate.reverse_title = "nothing to undo";
  validate.accesses.clear();
  // What goes may take rows along of tables that came back before it.
  for (const pg::QualifiedName& made : builder.Made()) validate.footprint.push_back({made, {kAllColumns}});
  validate.locks = {{table, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};
}

void AddToNewTable(Builder& builder, const pg::QualifiedName& table, const std::string& name, std::string forward,
                   const Condition& done, std::vector<Lock> locks) {
  Step& step =
      builder.Add(Phase::kExpand, Rank::kObjects, StepKind::kSql, fmt::format("add {} on {}", name, table.Text()),
                  "the table is new, so that it binds nobody, and is whole at once");
  step.forward = {{std::move(forward), Not(done.sql)}};
  step.reverse_title = "it goes with its table";
  step.search_path = builder.AuthorsPath();
  step.postcondition = done;
  step.locks = std::move(locks);
}

void DropTable(Builder& builder, const sql::Action& action) {
  const catalog::Table* table = builder.catalog().Find(action.relation.schema, action.relation.name);
  const pg::QualifiedName name = Resolve(builder.catalog(), action.relation);
  if (table == nullptr || (table->kind != 'r' && table->kind != 'p')) {
    builder.Block(name.Text(), table == nullptr ? "there is no such table" : "it is no table", "correct the name",
                  action.at);
    return;
  }
  builder.Touch(name);
  for (const catalog::Dependent& dependent : table->dependents) {
    using Kind = catalog::Dependent::Kind;
    // These go with the table itself.
    if (dependent.kind == Kind::kPolicy || dependent.kind == Kind::kGeneratedColumn ||
        dependent.kind == Kind::kStatistics)
      continue;
    if (dependent.kind == Kind::kPublication) continue;
    builder.Block(dependent.name, fmt::format("it hangs on {}", name.Text()),
                  "drop or change it in a release before this one", action.at);
  }
  if (table->kind == 'p' || table->parent) {
    builder.Block(name.Text(), "it is partitioned, or a partition", "detach and drop its partitions one by one",
                  action.at);
  }
  const std::string retired = builder.NewName();
  Step& validate = builder.Add(Phase::kContract, Rank::kTighten, StepKind::kSql,
                               fmt::format("way back of {}: prove its foreign keys", name.Text()),
                               "only on the way back: the scan runs under a lock that reads and writes pass");
  validate.reverse = {{ValidateForeignKeys(builder, name, retired)}, ForgetForeignKeys(builder, retired)};
  validate.reverse_title = "validate its foreign keys, unless rows break them";
  validate.accesses.clear();
  validate.locks = {{name, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};
  Step& step = builder.Add(Phase::kContract, Rank::kRetire, StepKind::kSql, fmt::format("retire table {}", name.Text()),
                           "hidden in another schema: it comes back in milliseconds at any size");
  step.forward = {{RetireTable(builder, name, retired)}, {RememberRetired(builder, retired, "table", name, "")}};
  step.reverse = {{BringTableBack(builder, name, retired)}};
  step.reverse_title = "bring it back; its foreign keys come back NOT VALID";
  step.postcondition = {Not(TableExists(name)), "the table is retired"};
  step.reverse_postcondition = {TableExists(name), "the table is back"};
  step.locks = {{name, "ACCESS EXCLUSIVE", LockWork::kNone}};
  for (const catalog::Constraint& constraint : table->constraints) {
    if (constraint.type == 'f') step.locks.push_back({constraint.referenced, "ACCESS EXCLUSIVE", LockWork::kNone});
  }
  builder.Notice(Phase::kContract, fmt::format("{}: statements that name it fail from here on", name.Text()));
  PurgeTable(builder, name, retired);
}

}  // namespace plan
