-- $1 oids of tables. A foreign key to a partitioned table has copies of itself for each partition: they are left out.
SELECT k.conrelid AS table_oid, k.conname AS name, k.contype AS type, pg_get_constraintdef(k.oid) AS definition,
       (SELECT coalesce(json_agg(a.attname ORDER BY key.n), '[]')
          FROM unnest(k.conkey) WITH ORDINALITY AS key (attnum, n)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = key.attnum) AS columns,
       k.convalidated AS validated, k.condeferrable AS deferrable,
       CASE WHEN k.contype IN ('p', 'u', 'x') THEN i.relname END AS index,
       rn.nspname AS referenced_schema, r.relname AS referenced_name,
       (SELECT coalesce(json_agg(a.attname ORDER BY key.n), '[]')
          FROM unnest(k.confkey) WITH ORDINALITY AS key (attnum, n)
          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = key.attnum) AS referenced_columns,
       CASE WHEN k.contype = 'f' THEN k.confdeltype ELSE 'a' END AS on_delete,
       CASE WHEN k.contype = 'f' THEN k.confupdtype ELSE 'a' END AS on_update,
       obj_description(k.oid, 'pg_constraint') AS comment
  FROM pg_constraint k
  LEFT JOIN pg_class i ON i.oid = k.conindid
  LEFT JOIN pg_class r ON r.oid = k.confrelid
  LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
 WHERE k.conrelid = ANY ($1::oid[]) AND k.contype IN ('c', 'f', 'p', 'u', 'x')
   AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.oid = k.conparentid AND o.conrelid = k.conrelid)
 ORDER BY k.conrelid, k.conname
