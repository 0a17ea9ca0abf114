-- Rights that others have in the schemas of ours, as the statements that take them away. $1: roles that may have them. Trigger
-- functions and transforms stay with everyone: they run as whoever writes.
WITH schemas AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('switchback', 'switchback_salvage')),
rights (target, grantee) AS (
  SELECT DISTINCT 'TABLE ' || c.oid::regclass, a.grantee
    FROM pg_class AS c
    JOIN schemas AS s ON s.oid = c.relnamespace
   CROSS JOIN LATERAL aclexplode(c.relacl) AS a
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND a.grantee <> c.relowner AND pg_has_role(c.relowner, 'USAGE')
     AND NOT (s.nspname = 'switchback' AND c.relname = 'progress' AND a.grantee = 'pg_monitor'::regrole)
  UNION
  SELECT DISTINCT 'FUNCTION ' || p.oid::regprocedure, a.grantee
    FROM pg_proc AS p
    JOIN schemas AS s ON s.oid = p.pronamespace
   CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
   WHERE (p.prosecdef OR p.proname = 'note') AND a.grantee <> p.proowner AND pg_has_role(p.proowner, 'USAGE')),
of_schemas (target, grantee) AS (
  -- Without a way into the schema nothing in it can be reached; `switchback` itself is open, because its functions are called.
  SELECT DISTINCT 'SCHEMA ' || quote_ident(n.nspname), a.grantee
    FROM pg_namespace AS n
   CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
   WHERE n.nspname = 'switchback_salvage' AND a.grantee <> n.nspowner AND pg_has_role(n.nspowner, 'USAGE'))
SELECT 'REVOKE ALL ON ' || target || ' FROM ' || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
  FROM (TABLE rights UNION ALL TABLE of_schemas) AS every
 WHERE grantee = 0 OR pg_get_userbyid(grantee) <> ALL ($1::text[])
