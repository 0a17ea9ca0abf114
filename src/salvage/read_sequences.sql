-- The sequences of the applications.
SELECT c.oid::int8 AS oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, s.seqincrement, s.seqcycle,
       pg_catalog.has_sequence_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS readable
  FROM pg_catalog.pg_sequence AS s
  JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relpersistence <> 't' AND n.nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)'
 ORDER BY c.oid
