-- What a release that was taken back left in the applications' tables. $1: the beginning of its generated names. What
-- goes with a column: indexes, constraints, defaults, statistics; what does not, and keeps it from going.
SELECT n.nspname, c.relname, a.attname, r.former_name,
       (SELECT pg_catalog.string_agg(pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), '; ' ORDER BY d.objid)
          FROM pg_catalog.pg_depend AS d
         WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
           AND d.refobjsubid = a.attnum AND d.deptype = 'n'
           AND NOT (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid)) AS hangs_on
  FROM pg_catalog.pg_attribute AS a
  JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN switchback.retired AS r ON r.release = $2 AND r.generated_name = a.attname
 WHERE pg_catalog.starts_with(a.attname, $1) AND NOT a.attisdropped AND a.attinhcount = 0
   AND n.nspname NOT IN ('switchback', 'switchback_retired')
 ORDER BY n.nspname, c.relname, a.attnum
