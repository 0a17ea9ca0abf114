-- As read_publications.sql, before PostgreSQL 15: no column lists, row filters or schemas.
WITH held AS (
  SELECT t.oid AS table_oid, t.oid AS held_oid FROM unnest($1::oid[]) AS t (oid)
  UNION
  SELECT t.oid, a.relid FROM unnest($1::oid[]) AS t (oid) CROSS JOIN LATERAL pg_partition_ancestors(t.oid) AS a (relid))
SELECT held.table_oid, quote_ident(p.pubname) AS name, NULL::json AS columns,
       'FOR TABLE ' || held.held_oid::regclass::text AS definition
  FROM held
  JOIN pg_publication_rel r ON r.prrelid = held.held_oid
  JOIN pg_publication p ON p.oid = r.prpubid
 WHERE p.pubname NOT LIKE 'switchback\_%'
UNION ALL
SELECT c.oid, quote_ident(p.pubname), NULL, 'FOR ALL TABLES'
  FROM pg_class c
  JOIN pg_publication p ON p.puballtables
 WHERE c.oid = ANY ($1::oid[]) AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
   AND p.pubname NOT LIKE 'switchback\_%'
