-- Names that relations and constraints have in the schemas of $1 (oids of tables).
SELECT n.nspname AS schema, c.relname AS name, false AS "constraint"
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.oid IN (SELECT relnamespace FROM pg_class WHERE oid = ANY ($1::oid[]))
UNION ALL
SELECT DISTINCT n.nspname, k.conname, true
  FROM pg_constraint k
  JOIN pg_namespace n ON n.oid = k.connamespace
 WHERE n.oid IN (SELECT relnamespace FROM pg_class WHERE oid = ANY ($1::oid[]))
