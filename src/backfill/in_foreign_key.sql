-- $1 the table, $2 the column.
WITH RECURSIVE tree (oid) AS (
  SELECT to_regclass($1)::oid
  UNION
  SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.oid
)
SELECT EXISTS (
  SELECT FROM tree
  JOIN pg_attribute AS a ON a.attrelid = tree.oid AND a.attname = $2
  JOIN pg_constraint AS k ON (k.conrelid = tree.oid AND a.attnum = ANY (k.conkey) AND (k.contype = 'f' OR k.condeferrable))
                          OR (k.contype = 'f' AND k.confrelid = tree.oid AND a.attnum = ANY (k.confkey)))
