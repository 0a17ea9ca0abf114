-- The permanent tables of the applications, partitioned ones by their root: whether this role may publish them, and whether every
-- table of the tree has a replica identity. Without one, a publication of updates would make the application's UPDATE fail.
WITH tables AS (
  SELECT c.oid, c.relnamespace, c.relname, c.relowner, c.relreplident, CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END AS root
    FROM pg_class AS c
   WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
), identities AS (
  -- Of a table that has its identity by an index, that index.
  SELECT t.oid, i.indkey::int2[] AS columns, t.relreplident = 'i' OR i.indisvalid AND i.indimmediate AS usable
    FROM tables AS t
    JOIN pg_index AS i ON i.indrelid = t.oid AND CASE t.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END
), unsent AS (
  -- 18 refuses the applications' UPDATE where the identity has a generated column that is not published.
  SELECT DISTINCT t.oid
    FROM tables AS t
    JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attgenerated <> ''
    LEFT JOIN identities AS i ON i.oid = t.oid
   WHERE current_setting('server_version_num')::int >= 180000 AND (t.relreplident = 'f' OR a.attnum = ANY (i.columns))
), identified AS (
  SELECT t.root,
         bool_and(unsent.oid IS NULL
                  AND CASE t.relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE coalesce(i.usable, false) END) AS all_of_them
    FROM tables AS t
    LEFT JOIN identities AS i ON i.oid = t.oid
    LEFT JOIN unsent ON unsent.oid = t.oid
   GROUP BY t.root
)
SELECT n.nspname,
       r.relname,
       pg_has_role(r.relowner, 'USAGE') AS owned,
       identified.all_of_them AS has_key
  FROM tables AS r
  JOIN pg_namespace AS n ON n.oid = r.relnamespace
  JOIN identified ON identified.root = r.oid
 WHERE r.root = r.oid
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)'
 ORDER BY n.nspname, r.relname
