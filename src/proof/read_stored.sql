-- The tables of the applications that hold rows, with what the publications $1 (names, one a line) send of each; the columns of the
-- primary key where rows are kept whole. Each part looks at all tables at once: this is asked before and behind every step.
WITH tables AS (
  SELECT c.oid, n.nspname, c.relname, c.relpersistence, c.relispartition, c.relreplident, pg_relation_filenode(c.oid) AS filenode,
         CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END AS root
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.relkind = 'r' AND c.relpersistence <> 't'
     AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)'
), lines AS (
  SELECT oid, oid AS published FROM tables
  UNION
  SELECT t.oid, a.relid FROM tables AS t CROSS JOIN LATERAL pg_partition_ancestors(t.oid) AS a WHERE t.relispartition
), sent AS (
  SELECT lines.oid, bool_or(p.pubupdate AND p.pubdelete) AS everything
    FROM pg_publication AS p
    JOIN pg_publication_rel AS pr ON pr.prpubid = p.oid
    JOIN lines ON lines.published = pr.prrelid
   WHERE p.pubname = ANY (string_to_array($1::text, E'\n'))
   GROUP BY lines.oid
), keys AS (
  SELECT i.indrelid AS oid, json_agg(a.attname) AS columns
    FROM tables AS t
    JOIN pg_index AS i ON i.indrelid = t.oid AND i.indisprimary
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
   WHERE t.relreplident = 'f'
   GROUP BY i.indrelid
)
SELECT t.oid::bigint,
       t.nspname,
       t.relname,
       rn.nspname,
       r.relname,
       coalesce(t.filenode, 0)::bigint,
       t.relpersistence = 'u' AS unlogged,
       sent.oid IS NOT NULL AS anything,
       coalesce(sent.everything, false),
       keys.columns AS key
  FROM tables AS t
  JOIN pg_class AS r ON r.oid = t.root
  JOIN pg_namespace AS rn ON rn.oid = r.relnamespace
  LEFT JOIN sent ON sent.oid = t.oid
  LEFT JOIN keys ON keys.oid = t.oid
 ORDER BY 2, 3
