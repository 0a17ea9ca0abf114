SELECT b.pid, a.application_name, a.usename, (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint, a.state,
       left(a.query, 100)
FROM unnest(pg_blocking_pids($1::int)) AS b (pid)
LEFT JOIN pg_stat_activity AS a ON a.pid = b.pid
ORDER BY b.pid
