-- $1 the table, $2 the sessions of the backfill. Who waits for the table, one of its leaves or rows, or for a row that a
-- batch changed, for longer than a batch may take.
WITH RECURSIVE tree (oid) AS (
  SELECT to_regclass($1)::oid
  UNION
  SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.oid
)
SELECT count(DISTINCT w.pid)
FROM pg_locks AS w
WHERE NOT w.granted AND w.waitstart < clock_timestamp() - interval '500 ms' AND w.pid <> ALL ($2::int[])
  AND ((w.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND w.relation IN (SELECT oid FROM tree))
    OR w.transactionid IN (SELECT l.transactionid FROM pg_locks AS l WHERE l.granted AND l.pid = ANY ($2::int[])))
