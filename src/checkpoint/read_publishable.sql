-- The permanent tables of the applications, partitioned ones by their root: whether this role may publish them, and whether every
-- table of the tree has a replica identity. Without one, a publication of updates would make the application's UPDATE fail.
WITH roots AS (
  SELECT c.oid, n.nspname, c.relname, c.relowner
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
     AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)'
)
SELECT r.nspname,
       r.relname,
       pg_has_role(r.relowner, 'USAGE') AS owned,
       (SELECT bool_and(CASE t.relreplident
                          WHEN 'f' THEN true
                          WHEN 'd' THEN EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = t.oid AND i.indisprimary
                                                                            AND i.indisvalid AND i.indimmediate)
                          WHEN 'i' THEN EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = t.oid AND i.indisreplident)
                          ELSE false
                        END
                        -- 18 refuses the applications' UPDATE where the identity has a generated column that is not published.
                        AND NOT (current_setting('server_version_num')::int >= 180000
                                 AND EXISTS (SELECT FROM pg_attribute AS a
                                              WHERE a.attrelid = t.oid AND a.attgenerated <> ''
                                                AND (t.relreplident = 'f'
                                                     OR EXISTS (SELECT FROM pg_index AS i
                                                                 WHERE i.indrelid = t.oid AND a.attnum = ANY (i.indkey)
                                                                   AND CASE t.relreplident WHEN 'i' THEN i.indisreplident
                                                                                           ELSE i.indisprimary END)))))
          FROM pg_class AS t
         WHERE t.oid = r.oid OR t.oid IN (SELECT p.relid FROM pg_partition_tree(r.oid) AS p)) AS has_key
  FROM roots AS r
 ORDER BY r.nspname, r.relname
