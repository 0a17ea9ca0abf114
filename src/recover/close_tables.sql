-- Tables that a release retired when it was taken back, and what else it keeps. $1: the beginning of its generated
-- names, $2: its name, $3: its hex.
SELECT n.nspname, c.relname, coalesce(r.former_schema || '.' || r.former_name, '') AS former,
       r.kind = 'rows' AS aside
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN switchback.retired AS r ON r.release = $2 AND r.generated_name = c.relname AND r.kind IN ('table', 'rows')
 WHERE c.relkind IN ('r', 'p')
   AND (n.nspname = 'switchback_retired' AND pg_catalog.starts_with(c.relname, $1)
        OR n.nspname = 'switchback' AND pg_catalog.strpos(c.relname, $3) > 0)
 ORDER BY n.nspname, c.relname
