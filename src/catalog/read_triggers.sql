-- $1 oids of tables. Up to 14, what a partition has of its parent counts as internal. The columns of UPDATE OF and those of WHEN both stand in pg_depend.
SELECT t.tgrelid AS table_oid, t.tgname AS name, pg_get_triggerdef(t.oid) AS definition,
       quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS function,
       t.tgtype & 2 <> 0 AS before, t.tgtype & 1 <> 0 AS row, t.tgtype & 4 <> 0 AS on_insert,
       t.tgtype & 16 <> 0 AS on_update, t.tgtype & 8 <> 0 AS on_delete,
       (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]')
          FROM pg_attribute a
         WHERE a.attrelid = t.tgrelid AND a.attnum > 0
           AND EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
                          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = t.tgrelid
                          AND d.refobjsubid = a.attnum)) AS columns,
       cardinality(t.tgattr::int2[]) > 0 AS update_of, t.tgenabled <> 'D' AS enabled, t.tgenabled AS mode,
       n.nspname = 'switchback' AS ours
  FROM pg_trigger t
  JOIN pg_proc p ON p.oid = t.tgfoid
  JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE t.tgrelid = ANY ($1::oid[]) AND (NOT t.tgisinternal OR (t.tgparentid <> 0 AND t.tgconstraint = 0))
 ORDER BY t.tgrelid, t.tgname
