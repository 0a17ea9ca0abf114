-- What would fire at writes to table $1 and its partitions in a session that is a replica's, and what would not check them though it
-- should (`checks`: deferrable unique and exclusion constraints), with how it is enabled.
WITH tree AS (
  SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.oid = $1::int8::oid OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree($1::int8::oid) AS p)
)
SELECT tree.name, pg_catalog.format('TRIGGER %I', t.tgname) AS what, t.tgenabled AS mode, t.tgisinternal AS checks
  FROM pg_catalog.pg_trigger AS t JOIN tree ON tree.oid = t.tgrelid
 WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R')
    OR t.tgisinternal AND t.tgfoid = 'pg_catalog.unique_key_recheck()'::pg_catalog.regprocedure AND t.tgenabled <> 'A'
UNION ALL
SELECT tree.name, pg_catalog.format('RULE %I', r.rulename), r.ev_enabled, false
  FROM pg_catalog.pg_rewrite AS r JOIN tree ON tree.oid = r.ev_class
 WHERE r.ev_enabled IN ('A', 'R')
 ORDER BY 1, 2
