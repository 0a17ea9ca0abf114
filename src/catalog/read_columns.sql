-- $1 oids of tables.
SELECT a.attrelid AS table_oid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.atttypid AS type_oid,
       a.atttypmod AS typmod, a.attnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid) AS default_expression,
       a.attgenerated <> '' AS generated, a.attidentity AS identity,
       CASE WHEN a.attcollation <> t.typcollation
            THEN (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname)
                    FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation)
       END AS "collation",
       (SELECT coalesce(json_agg(g::text ORDER BY g::text COLLATE "C"), '[]') FROM unnest(a.attacl) AS g) AS grants,
       col_description(a.attrelid, a.attnum) AS comment,
       nullif(a.attstattarget::int, -1) AS statistics,
       CASE WHEN a.attstorage <> t.typstorage THEN
         CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
       END AS storage,
       CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,
       coalesce(to_json(a.attoptions), '[]') AS options,
       EXISTS (SELECT FROM pg_seclabel l WHERE l.classoid = 'pg_class'::regclass AND l.objoid = a.attrelid
                                           AND l.objsubid = a.attnum) AS labelled
  FROM pg_attribute a
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum
