-- Publications that hold the tables $1 (oids), themselves or through an ancestor; PostgreSQL 15 and later.
WITH held AS (
  SELECT t.oid AS table_oid, t.oid AS held_oid FROM unnest($1::oid[]) AS t (oid)
  UNION
  SELECT t.oid, a.relid FROM unnest($1::oid[]) AS t (oid) CROSS JOIN LATERAL pg_partition_ancestors(t.oid) AS a (relid))
SELECT held.table_oid, quote_ident(p.pubname) AS name,
       (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = held.held_oid AND a.attnum > 0
           AND EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_publication_rel'::regclass AND d.objid = r.oid
                          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = held.held_oid
                          AND d.refobjsubid = a.attnum)) AS columns,
       'FOR TABLE ' || held.held_oid::regclass::text
         || coalesce(' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                               WHERE a.attrelid = held.held_oid AND a.attnum = ANY (r.prattrs::int2[])) || ')', '')
         || coalesce(' WHERE ' || pg_get_expr(r.prqual, r.prrelid), '') AS definition
  FROM held
  JOIN pg_publication_rel r ON r.prrelid = held.held_oid
  JOIN pg_publication p ON p.oid = r.prpubid
 WHERE p.pubname NOT LIKE 'switchback\_%'
UNION ALL
SELECT held.table_oid, quote_ident(p.pubname), NULL, 'FOR TABLES IN SCHEMA ' || quote_ident(n.nspname)
  FROM held
  JOIN pg_class c ON c.oid = held.held_oid AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_publication_namespace s ON s.pnnspid = n.oid
  JOIN pg_publication p ON p.oid = s.pnpubid
 WHERE p.pubname NOT LIKE 'switchback\_%'
UNION ALL
SELECT c.oid, quote_ident(p.pubname), NULL, 'FOR ALL TABLES'
  FROM pg_class c
  JOIN pg_publication p ON p.puballtables
 WHERE c.oid = ANY ($1::oid[]) AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
   AND p.pubname NOT LIKE 'switchback\_%'
