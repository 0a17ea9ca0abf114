-- The locks of this session on tables of the applications: name and mode; no name but the OID for what it has dropped itself.
SELECT CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END, l.mode, l.relation
FROM pg_locks AS l
LEFT JOIN pg_class AS c ON c.oid = l.relation
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE l.pid = pg_backend_pid() AND l.granted AND l.relation IS NOT NULL
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (c.oid IS NULL OR (c.relkind IN ('r', 'p', 'v', 'm', 'f')
                         AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'switchback')))
