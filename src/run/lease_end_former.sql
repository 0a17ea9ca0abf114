SELECT pid, pg_terminate_backend(pid, 5000)
FROM pg_locks
WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid::bigint = hashtext('switchback')::bigint & 4294967295
  AND objid::bigint = hashtext($1)::bigint & 4294967295 AND objsubid = 2 AND granted AND pid <> pg_backend_pid()
