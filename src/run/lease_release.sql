UPDATE switchback.lease SET expires_at = '-infinity', backend_pid = NULL, backend_start = NULL WHERE release = $1 AND token = $2::bigint
