UPDATE switchback.lease SET expires_at = '-infinity' WHERE release = $1 AND token = $2::bigint
