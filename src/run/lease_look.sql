SELECT token, holder, host, pid, boot_id, expires_at > clock_timestamp(),
       CASE WHEN isfinite(expires_at) THEN ceil(extract(epoch FROM expires_at - clock_timestamp()))::bigint END,
       backend_pid, backend_start
FROM switchback.lease
WHERE release = $1
FOR UPDATE
