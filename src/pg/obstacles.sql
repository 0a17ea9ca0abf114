-- $1: names of tables, a JSON array. What stands on them and does not go away by itself soon: a vacuum against wraparound, which unlike
-- any other does not give way to who waits for it, and prepared transactions.
WITH tables AS MATERIALIZED (
  SELECT r.oid, format('%I.%I', n.nspname, c.relname) AS name
    FROM json_array_elements_text($1::json) AS t (name)
    JOIN pg_class AS c ON c.oid = to_regclass(t.name)
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (VALUES (c.oid), (c.reltoastrelid)) AS r (oid)
   WHERE r.oid <> 0
),
locks AS MATERIALIZED (
  SELECT DISTINCT t.name, l.pid, l.virtualtransaction
    FROM pg_locks AS l
    JOIN tables AS t ON t.oid = l.relation
   WHERE l.granted
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT 'vacuum', l.name, a.pid::text, a.query, (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint
  FROM locks AS l
  JOIN pg_stat_activity AS a ON a.pid = l.pid
 WHERE a.backend_type = 'autovacuum worker' AND a.query LIKE '%(to prevent wraparound)%'
UNION ALL
SELECT 'prepared', l.name, p.gid, p.owner, (extract(epoch FROM clock_timestamp() - p.prepared) * 1000)::bigint
  FROM locks AS l
  JOIN pg_locks AS own ON own.virtualtransaction = l.virtualtransaction AND own.pid IS NULL AND own.locktype = 'transactionid'
  JOIN pg_prepared_xacts AS p ON p.transaction = own.transactionid
 WHERE l.pid IS NULL
 ORDER BY 1, 2, 3
