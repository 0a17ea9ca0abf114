-- $1: a release. Who has its lease: host, process, for how long, until when in seconds; its session of the server, what that
-- does, and for how long in seconds. NULL: not known, or not to this role.
SELECT l.host, l.pid, CASE WHEN isfinite(l.started) THEN extract(epoch FROM clock_timestamp() - l.started)::bigint END,
       CASE WHEN isfinite(l.expires_at) THEN ceil(extract(epoch FROM l.expires_at - clock_timestamp()))::bigint END,
       l.backend_pid, a.state, extract(epoch FROM clock_timestamp() - a.state_change)::bigint
FROM switchback.lease AS l
LEFT JOIN pg_stat_activity AS a ON a.pid = l.backend_pid AND a.backend_start = l.backend_start
WHERE l.release = $1
