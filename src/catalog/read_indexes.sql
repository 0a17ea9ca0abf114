-- $1 oids of tables. What expressions and predicates read stands in pg_depend only.
SELECT i.indrelid AS table_oid, n.nspname AS schema, c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition,
       (SELECT coalesce(json_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum), a.attnum), '[]')
          FROM pg_attribute a
         WHERE a.attrelid = i.indrelid AND a.attnum > 0
           AND (a.attnum = ANY (i.indkey::int2[])
                OR EXISTS (SELECT FROM pg_depend d
                            WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                              AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
                              AND d.refobjsubid = a.attnum))) AS columns,
       i.indisunique AS "unique", i.indisprimary AS "primary", i.indisvalid AS valid,
       i.indexprs IS NOT NULL OR i.indpred IS NOT NULL AS expression, i.indisreplident AS identity,
       (SELECT k.conname FROM pg_constraint k
         WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')) AS "constraint",
       (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace) AS tablespace,
       (SELECT m.amname FROM pg_am m WHERE m.oid = c.relam) AS method
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE i.indrelid = ANY ($1::oid[])
 ORDER BY i.indrelid, c.relname
