-- What the applications' schemas have that is no part of a table, by a name for people, with a digest of what it is.
WITH app AS (
  SELECT oid, nspname FROM pg_catalog.pg_namespace
   WHERE nspname <> 'information_schema' AND nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)'
), of_extensions AS (
  SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
)
SELECT 'schema ' || nspname AS name, '' AS digest FROM app
UNION ALL
SELECT 'extension ' || extname, extversion FROM pg_catalog.pg_extension
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END || p.oid::regprocedure,
       CASE p.prokind WHEN 'a' THEN '' ELSE pg_catalog.md5(pg_catalog.pg_get_functiondef(p.oid)) END
  FROM pg_catalog.pg_proc AS p JOIN app ON app.oid = p.pronamespace
 WHERE ('pg_catalog.pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM of_extensions)
UNION ALL
SELECT 'type ' || pg_catalog.format_type(t.oid, NULL),
       pg_catalog.concat_ws(
         ' ', pg_catalog.format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
         (SELECT pg_catalog.string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid),
         (SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(k.oid), ',' ORDER BY k.conname)
            FROM pg_catalog.pg_constraint AS k WHERE k.contypid = t.oid),
         (SELECT pg_catalog.string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ',' ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
  FROM pg_catalog.pg_type AS t JOIN app ON app.oid = t.typnamespace
  LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
 WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
   AND ('pg_catalog.pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM of_extensions)
UNION ALL
SELECT 'sequence ' || c.oid::regclass, pg_catalog.concat_ws(' ', s.seqincrement, s.seqmin, s.seqmax, s.seqcycle)
  FROM pg_catalog.pg_class AS c JOIN app ON app.oid = c.relnamespace
  JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = c.oid
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
