-- Functions whose body may name one of the tables $1 (oids), and the functions of their triggers. The words of the body
-- are looked at by the caller; here only what cannot match is left out.
SELECT c.oid AS table_oid, p.oid::regprocedure::text AS name, p.prosrc AS body,
       CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END AS definition, on_trigger.yes AS on_trigger
  FROM pg_class c
  CROSS JOIN pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_language l ON l.oid = p.prolang
  CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM pg_trigger t
                    WHERE t.tgrelid = c.oid AND t.tgfoid = p.oid AND (NOT t.tgisinternal OR (t.tgparentid <> 0 AND t.tgconstraint = 0))) AS yes) AS on_trigger
 WHERE c.oid = ANY ($1::oid[])
   AND l.lanname NOT IN ('internal', 'c')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'switchback')
   AND (strpos(lower(p.prosrc), lower(replace(c.relname, '"', '""'))) > 0 OR on_trigger.yes)
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
