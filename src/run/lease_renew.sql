UPDATE switchback.lease SET expires_at = clock_timestamp() + interval '15 s' WHERE release = $1 AND token = $2::bigint
