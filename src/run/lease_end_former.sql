-- Whether the session $1 that began at $2 is there, ended or not; NULL: nobody tells this role when it began.
SELECT backend_start = $2::timestamptz,
       CASE WHEN backend_start = $2::timestamptz THEN pg_terminate_backend(pid, 5000) END
FROM pg_stat_activity
WHERE pid = $1::integer AND pid <> pg_backend_pid()
