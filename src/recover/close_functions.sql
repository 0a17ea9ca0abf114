SELECT p.oid::pg_catalog.regprocedure::text
  FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
 WHERE n.nspname = 'switchback' AND pg_catalog.strpos(p.proname, $1) > 0 ORDER BY 1
