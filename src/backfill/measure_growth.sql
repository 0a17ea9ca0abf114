-- $1 the table, $2 bytes: smaller leaves are left to autovacuum; $3 the sessions of the backfill. By the catalog's estimate: to ask for the true size would
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
, holder AS (
  -- Whose view of the rows is the oldest: no vacuum removes what that may still see.
  SELECT who
  FROM (
    SELECT age(backend_xmin) AS age,
           format('pid %s (%s)', pid, coalesce(nullif(application_name, ''), backend_type)) AS who
    FROM pg_stat_activity
    WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() AND pid <> ALL ($3::int[])
      AND (datname = current_database() OR backend_type = 'walsender') AND backend_type <> 'autovacuum worker'
    UNION ALL
    SELECT age(transaction), format('the prepared transaction %s', quote_literal(gid))
    FROM pg_prepared_xacts WHERE database = current_database()
    UNION ALL
    SELECT age(xmin), format('the replication slot %s', slot_name) FROM pg_replication_slots WHERE xmin IS NOT NULL
  ) AS held
  ORDER BY age DESC
  LIMIT 1
)
SELECT format('%I.%I', n.nspname, c.relname), dead, live, autovacuum, (SELECT who FROM holder)
FROM leaf JOIN pg_class AS c ON c.oid = leaf.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY dead::float8 / live DESC
LIMIT 1
