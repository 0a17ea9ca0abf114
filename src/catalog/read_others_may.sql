-- Whether a role that the session does not trust ($1: OIDs of those that it does) owns one of the tables $2 (qualified, as
-- SQL), or may make triggers or references on one.
WITH
trusted (oid) AS (SELECT unnest($1::oid[])),
tables AS (
  SELECT c.relowner, c.relacl
    FROM unnest($2::text[]) AS name
    JOIN pg_class AS c ON c.oid = to_regclass(name)
   UNION ALL
  SELECT c.relowner, c.relacl
    FROM unnest($2::text[]) AS name
   CROSS JOIN LATERAL pg_partition_tree(to_regclass(name)) AS part
    JOIN pg_class AS c ON c.oid = part.relid
   WHERE to_regclass(name) IS NOT NULL)
SELECT EXISTS (SELECT FROM tables WHERE relowner NOT IN (SELECT oid FROM trusted))
    OR EXISTS (SELECT FROM tables, aclexplode(relacl) AS a
                WHERE a.privilege_type IN ('TRIGGER', 'REFERENCES') AND a.grantee NOT IN (SELECT oid FROM trusted)) AS they_may
