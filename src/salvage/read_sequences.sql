-- The sequences of the applications that gave a value already.
SELECT c.oid::int8 AS oid, pg_catalog.format('%I.%I', s.schemaname, s.sequencename) AS name, s.last_value, s.increment_by
  FROM pg_catalog.pg_sequences AS s
  JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname
  JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.sequencename
 WHERE s.last_value IS NOT NULL AND s.schemaname !~ '^(pg_|switchback$|switchback_)'
 ORDER BY c.oid
