-- Whether a role that the session does not trust ($1: others that it trusts, by name) owns one of the tables $2 (qualified, as
-- SQL), or may make triggers or references on one.
WITH
me AS (
  SELECT r.oid, r.rolsuper OR r.rolcreaterole OR EXISTS (
           SELECT FROM pg_roles AS p
            WHERE p.rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files')
              AND pg_has_role(r.oid, p.oid, 'MEMBER')) AS mighty
    FROM pg_roles AS r WHERE r.rolname = session_user),
plainly (oid) AS (
  SELECT r.oid FROM pg_roles AS r, me
   WHERE r.oid = me.oid OR r.rolsuper OR r.rolname = ANY ($1::name[]) OR pg_has_role(r.oid, me.oid, 'MEMBER')
      OR (NOT me.mighty AND r.rolname <> 'pg_database_owner' AND pg_has_role(me.oid, r.oid, 'MEMBER'))),
trusted (oid) AS (
  SELECT oid FROM plainly
  UNION ALL
  SELECT r.oid FROM pg_roles AS r, pg_database AS d
   WHERE r.rolname = 'pg_database_owner' AND d.datname = current_database() AND d.datdba IN (SELECT oid FROM plainly)
  UNION ALL
  SELECT 0 WHERE 'PUBLIC' = ANY ($1::text[])),
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
