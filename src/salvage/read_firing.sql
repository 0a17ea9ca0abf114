-- What is to be altered before rows of table $1 and its partitions are written in a session that is a replica's, and how it is
-- altered back: what of users would fire (before PostgreSQL 15 a partition's clone of a trigger calls itself internal); the triggers
-- by which other releases keep two columns in step, which would not; deferrable unique and exclusion constraints, which would not be
-- looked at; and that a publication lets nobody delete from a table without a
-- replica identity.
WITH tree AS (
  SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, c.relkind, c.relreplident
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.oid = $1::int8::oid OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree($1::int8::oid) AS p)
)
SELECT tree.name, pg_catalog.format('DISABLE TRIGGER %I', t.tgname) AS alter,
       pg_catalog.format('ENABLE %s TRIGGER %I', CASE t.tgenabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END, t.tgname) AS back
  FROM pg_catalog.pg_trigger AS t JOIN tree ON tree.oid = t.tgrelid
 WHERE (NOT t.tgisinternal OR t.tgparentid <> 0 AND t.tgconstraint = 0) AND t.tgenabled IN ('A', 'R')
UNION ALL
SELECT tree.name, pg_catalog.format('ENABLE ALWAYS TRIGGER %I', t.tgname),
       pg_catalog.format('%s TRIGGER %I', CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END, t.tgname)
  FROM pg_catalog.pg_trigger AS t JOIN tree ON tree.oid = t.tgrelid
 WHERE t.tgisinternal AND t.tgfoid = 'pg_catalog.unique_key_recheck()'::pg_catalog.regprocedure AND t.tgenabled <> 'A'
UNION ALL
SELECT tree.name, pg_catalog.format('ENABLE ALWAYS TRIGGER %I', t.tgname), pg_catalog.format('ENABLE TRIGGER %I', t.tgname)
  FROM pg_catalog.pg_trigger AS t JOIN tree ON tree.oid = t.tgrelid JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
 WHERE t.tgenabled = 'O' AND t.tgname ~ '^[!~]switchback_'
   AND p.pronamespace = pg_catalog.to_regnamespace('switchback')
UNION ALL
SELECT tree.name, pg_catalog.format('DISABLE RULE %I', r.rulename),
       pg_catalog.format('ENABLE %s RULE %I', CASE r.ev_enabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END, r.rulename)
  FROM pg_catalog.pg_rewrite AS r JOIN tree ON tree.oid = r.ev_class
 WHERE r.ev_enabled IN ('A', 'R')
UNION ALL
SELECT tree.name, 'REPLICA IDENTITY FULL', CASE tree.relreplident WHEN 'n' THEN 'REPLICA IDENTITY NOTHING' ELSE 'REPLICA IDENTITY DEFAULT' END
  FROM tree
 WHERE tree.relkind = 'r'
   AND (tree.relreplident = 'n' OR tree.relreplident = 'd' AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_index AS i
           WHERE i.indrelid = tree.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate))
   AND EXISTS (SELECT FROM pg_catalog.pg_publication)
 ORDER BY 1, 2
