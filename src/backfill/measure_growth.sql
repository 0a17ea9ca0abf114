-- $1 the table, $2 bytes: smaller leaves are left to autovacuum. By the catalog's estimate: to ask for the true size would
-- wait behind whoever waits for the table.
WITH RECURSIVE tree (oid) AS (
  SELECT to_regclass($1)::oid
  UNION
  SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.oid
), leaf AS (
  SELECT c.oid, pg_stat_get_dead_tuples(c.oid) AS dead,
         greatest(pg_stat_get_live_tuples(c.oid), c.reltuples::bigint, 1) AS live,
         current_setting('autovacuum')::boolean AND NOT coalesce(c.reloptions && '{autovacuum_enabled=false,autovacuum_enabled=off}', false) AS autovacuum
  FROM tree JOIN pg_class AS c ON c.oid = tree.oid
  WHERE c.relkind = 'r' AND c.relpages::bigint * current_setting('block_size')::bigint >= $2::bigint
)
SELECT format('%I.%I', n.nspname, c.relname), dead, live, autovacuum
FROM leaf JOIN pg_class AS c ON c.oid = leaf.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY dead::float8 / live DESC
LIMIT 1
