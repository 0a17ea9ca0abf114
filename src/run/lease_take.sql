UPDATE switchback.lease
SET token = token + 1, holder = $2, host = $3, pid = $4::bigint, boot_id = $5, started = clock_timestamp(),
    expires_at = clock_timestamp() + interval '15 s'
WHERE release = $1
RETURNING token
