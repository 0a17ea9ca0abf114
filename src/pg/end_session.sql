-- $1 process, $2 its start, $3 its transaction's start: ends it, where it is still that one.
SELECT pg_terminate_backend(pid)
  FROM pg_stat_activity
 WHERE pid = $1::int AND backend_start = $2::timestamptz AND xact_start = $3::timestamptz AND pid <> pg_backend_pid()
