-- The columns of the applications' tables that hold values of their own, in their order; partitions by their root.
SELECT c.oid::int8 AS relation,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind AS kind,
       a.attname AS "column",
       pg_catalog.format_type(a.atttypid, -1) AS type,
       a.atttypid::int8 AS type_oid,
       COALESCE(pg_catalog.array_position((k.indkey::int2[])[0:k.indnkeyatts - 1], a.attnum), 0)::int8 AS key_place,
       EXISTS (SELECT FROM pg_catalog.pg_index AS u
                WHERE u.indrelid = c.oid AND u.indisunique AND a.attnum = ANY (u.indkey)) AS in_unique,
       pg_catalog.pg_get_serial_sequence(pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname) AS sequence,
       COALESCE(k.indnkeyatts, 0)::int8 AS key_size,
       a.atttypid = ANY ('{pg_catalog.int2,pg_catalog.int4,pg_catalog.int8,pg_catalog.oid,pg_catalog.uuid}'::pg_catalog.regtype[])
       OR a.atttypid = ANY ('{pg_catalog.text,pg_catalog.varchar}'::pg_catalog.regtype[]) AND l.collisdeterministic AS one_spelling
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
  LEFT JOIN LATERAL (
    SELECT i.indkey, i.indnkeyatts FROM pg_catalog.pg_index AS i
     WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
       AND (i.indisreplident OR i.indisprimary AND c.relreplident <> 'i')
     LIMIT 1) AS k ON true
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)'
   AND a.attgenerated = ''
 ORDER BY c.oid, a.attnum
