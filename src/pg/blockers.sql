-- $1: a process that waits for a lock. Who stands in its way: sessions; and prepared transactions, which are no session any more
-- and count as process 0.
WITH waits AS MATERIALIZED (
  SELECT database, relation, transactionid FROM pg_locks WHERE pid = $1::int AND NOT granted
),
-- Those of prepared transactions; which one is known by the lock on its own number.
locks AS MATERIALIZED (
  SELECT database, relation, transactionid, virtualtransaction FROM pg_locks WHERE pid IS NULL AND granted
),
blocking AS MATERIALIZED (SELECT DISTINCT b.pid FROM unnest(pg_blocking_pids($1::int)) AS b (pid))
SELECT b.pid, a.application_name, a.usename, (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint, a.state,
       left(regexp_replace(a.query, '\s+', ' ', 'g'), 100), coalesce(a.backend_type, 'unknown'),
       coalesce(a.wait_event_type = 'Lock', false), a.backend_start::text, a.xact_start::text, NULL AS gid
  FROM blocking AS b
  LEFT JOIN pg_stat_activity AS a ON a.pid = b.pid
 WHERE b.pid <> 0
UNION ALL
SELECT 0, '', p.owner, (extract(epoch FROM clock_timestamp() - p.prepared) * 1000)::bigint, 'prepared', '', 'prepared transaction',
       false, NULL, p.prepared::text, p.gid
  FROM pg_prepared_xacts AS p
 WHERE EXISTS (SELECT FROM blocking WHERE pid = 0)
   AND EXISTS (SELECT FROM locks AS l
                 JOIN waits AS w ON (l.relation = w.relation AND l.database = w.database) OR l.transactionid = w.transactionid
                 JOIN locks AS own ON own.virtualtransaction = l.virtualtransaction AND own.transactionid = p.transaction)
 ORDER BY 1, 11
