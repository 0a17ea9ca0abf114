-- $1: a process. What it waits for now.
SELECT CASE WHEN l.relation IS NULL THEN l.locktype ELSE format('%I.%I', n.nspname, c.relname) END
FROM pg_locks AS l
LEFT JOIN pg_class AS c ON c.oid = l.relation
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE l.pid = $1::int AND NOT l.granted
