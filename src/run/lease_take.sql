UPDATE switchback.lease
SET token = token + 1, holder = $2, host = $3, pid = $4::bigint, boot_id = $5, started = clock_timestamp(),
    expires_at = clock_timestamp() + interval '15 s',
    backend_pid = pg_backend_pid(),
    backend_start = (SELECT a.backend_start FROM pg_stat_activity AS a WHERE a.pid = pg_backend_pid())
WHERE release = $1
RETURNING token
