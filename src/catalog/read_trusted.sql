-- The roles that the session trusts ($1: others that it trusts, by name), 0 for PUBLIC.
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
  SELECT 0 WHERE 'PUBLIC' = ANY ($1::text[]))
SELECT array_agg(oid) FROM trusted
