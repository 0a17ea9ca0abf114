-- What keeps schema switchback: {kind, name}, and for kind 'drop' the statements in their order.
SELECT 'release' AS kind, name, 0 AS turn FROM switchback.release
UNION ALL
SELECT 'slot', slot_name, 0 FROM pg_catalog.pg_replication_slots
 WHERE pg_catalog.starts_with(slot_name, 'switchback_') AND database = pg_catalog.current_database()
UNION ALL
SELECT 'retired table', n.nspname || '.' || c.relname, 0
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = 'switchback_retired' AND c.relkind IN ('r', 'p')
UNION ALL
SELECT 'drop',
       pg_catalog.format('DROP %s switchback.%I', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.relname),
       CASE c.relkind WHEN 'v' THEN 1 ELSE 3 END
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = 'switchback' AND c.relkind IN ('r', 'p', 'v')
UNION ALL
SELECT 'drop', 'DROP FUNCTION ' || p.oid::pg_catalog.regprocedure, 2
  FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = 'switchback'
 ORDER BY turn, kind, name
