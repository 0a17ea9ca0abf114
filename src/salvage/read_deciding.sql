-- The columns that decide on the partition of a row, at any depth, by the root.
SELECT DISTINCT pg_catalog.pg_partition_root(p.partrelid)::oid::int8 AS root, a.attname AS "column"
  FROM pg_catalog.pg_partitioned_table AS p
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs)
