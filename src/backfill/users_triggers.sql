-- $1 the table, $2 the column that is filled. The users' triggers on its leaves that an UPDATE of the column concerns; one
-- that a leaf has from its parent goes by the parent's name; up to 14 it counts as internal.
WITH RECURSIVE tree (oid) AS (
  SELECT to_regclass($1)::oid
  UNION
  SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.oid
), origin (oid, at, mode) AS (
  SELECT t.oid, t.oid, t.tgenabled
  FROM tree
  JOIN pg_class AS c ON c.oid = tree.oid AND c.relkind = 'r'
  JOIN pg_trigger AS t ON t.tgrelid = c.oid
  JOIN pg_proc AS p ON p.oid = t.tgfoid
  JOIN pg_namespace AS n ON n.oid = p.pronamespace
  WHERE (NOT t.tgisinternal OR (t.tgparentid <> 0 AND t.tgconstraint = 0)) AND t.tgtype & 16 <> 0 AND n.nspname <> 'switchback' AND t.tgenabled <> 'D'
    AND (cardinality(t.tgattr::int2[]) = 0
      OR (SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = $2) = ANY (t.tgattr::int2[]))
  UNION ALL
  SELECT origin.oid, t.tgparentid, origin.mode
  FROM origin JOIN pg_trigger AS t ON t.oid = origin.at
  WHERE t.tgparentid <> 0
)
SELECT DISTINCT t.tgname, n.nspname, c.relname, origin.mode
FROM origin
JOIN pg_trigger AS t ON t.oid = origin.at AND t.tgparentid = 0
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY 1, 2, 3
