-- The partitions of partitioned tables, at any depth, with the root of each, and what it takes.
SELECT c.oid::int8 AS partition, pg_catalog.pg_partition_root(c.oid)::oid::int8 AS root,
       pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound,
       n.nspname AS schema, c.relname AS relation
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relispartition AND c.relkind IN ('r', 'p')
