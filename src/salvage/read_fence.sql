-- The applications' tables, partitions by themselves: whether this role may act for the owner, and whether the trigger of the fence
-- fires for everybody; NULL: there is none.
SELECT n.nspname, c.relname, pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned, t.tgenabled = 'A' AS fenced
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_trigger AS t
    ON t.tgrelid = c.oid AND t.tgname = 'switchback_fence' AND t.tgfoid = pg_catalog.to_regprocedure('switchback.fence()')
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)'
 ORDER BY c.oid
