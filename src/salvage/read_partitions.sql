-- The partitions of partitioned tables, at any depth, with the root of each.
SELECT c.oid::int8 AS partition, pg_catalog.pg_partition_root(c.oid)::oid::int8 AS root
  FROM pg_catalog.pg_class AS c
 WHERE c.relispartition AND c.relkind IN ('r', 'p')
