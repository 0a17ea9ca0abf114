SELECT 1 FROM switchback.lease WHERE release = $1 AND token = $2::bigint FOR KEY SHARE
