-- The tables of the applications that hold rows, with what the publications $1 (names, one a line) send of each.
SELECT c.oid::bigint,
       n.nspname,
       c.relname,
       rn.nspname,
       r.relname,
       coalesce(pg_relation_filenode(c.oid), 0)::bigint,
       c.relpersistence = 'u' AS unlogged,
       coalesce(sent.anything, false),
       coalesce(sent.everything, false),
       (SELECT coalesce(json_agg(a.attname), '[]')
          FROM pg_index AS i
          JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
         WHERE i.indrelid = c.oid AND i.indisprimary) AS key
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_class AS r ON r.oid = CASE WHEN c.relispartition THEN pg_partition_root(c.oid) ELSE c.oid END
  JOIN pg_namespace AS rn ON rn.oid = r.relnamespace
  LEFT JOIN LATERAL (SELECT true AS anything, bool_or(p.pubupdate AND p.pubdelete) AS everything
                       FROM pg_publication_rel AS pr
                       JOIN pg_publication AS p ON p.oid = pr.prpubid
                      WHERE p.pubname = ANY (string_to_array($1::text, E'\n'))
                        AND (pr.prrelid = c.oid OR pr.prrelid IN (SELECT a.relid FROM pg_partition_ancestors(c.oid) AS a))
                     HAVING count(*) > 0) AS sent ON true
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)'
 ORDER BY 2, 3
