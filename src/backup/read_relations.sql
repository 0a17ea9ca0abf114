-- What keeps rows in files that are not the catalog's first ones; `told`: a table of the applications.
SELECT c.oid::bigint,
       pg_relation_filenode(c.oid)::bigint,
       n.nspname,
       c.relname,
       c.relkind = 'r'
       AND n.nspname <> 'information_schema'
       AND n.nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)' AS told,
       c.relpersistence = 'u' AS unlogged
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence <> 't' AND pg_relation_filenode(c.oid) >= 16384
 ORDER BY 1
