-- How far the base backup is that was begun last: what it is doing, how much it has sent, and how large all databases are that this
-- role may know of. No row: none is made in the server's own way, or this role may not see it.
SELECT p.phase,
       p.backup_streamed,
       (SELECT coalesce(sum(pg_database_size(d.oid)), 0)::bigint FROM pg_database AS d WHERE has_database_privilege(d.oid, 'CONNECT'))
  FROM pg_stat_progress_basebackup AS p
  JOIN pg_stat_get_activity(p.pid) AS a ON true
 WHERE p.backup_streamed IS NOT NULL
 ORDER BY a.backend_start DESC NULLS LAST
 LIMIT 1
