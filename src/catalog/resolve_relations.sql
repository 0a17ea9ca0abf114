-- Where names lead: $1 schemas ('' = not given) and $2 names, in parallel, $3 the schemas to look in, in order.
-- An index leads to its table.
SELECT DISTINCT found.table_oid
  FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN c.relkind IN ('i', 'I') THEN i.indrelid ELSE c.oid END AS table_oid,
           c.relkind
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_index i ON i.indexrelid = c.oid
     WHERE c.relname = wanted.name::name
       AND CASE WHEN wanted.schema = '' THEN n.nspname = ANY ($3::text[]) ELSE n.nspname = wanted.schema::name END
     ORDER BY array_position($3::text[], n.nspname::text)
     LIMIT 1) AS found
 WHERE found.relkind IN ('r', 'p', 'v', 'm', 'f', 'i', 'I')
