-- $1: the role that is to run releases. Whose members it must become, and in which schemas it must be let in: everything of the
-- applications, and nothing that an extension brought.
WITH ours AS (
  SELECT oid, nspname, nspowner FROM pg_namespace
   WHERE nspname <> 'information_schema' AND nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)'
),
objects AS (
  SELECT 'pg_class'::regclass AS class, oid, relowner AS owner, relnamespace AS schema
    FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
  UNION ALL
  SELECT 'pg_proc'::regclass, oid, proowner, pronamespace FROM pg_proc
  UNION ALL
  SELECT 'pg_type'::regclass, oid, typowner, typnamespace FROM pg_type WHERE typtype IN ('e', 'd') OR (typtype = 'c' AND typrelid = 0)
),
owned AS (
  SELECT DISTINCT o.owner, n.nspname
    FROM objects AS o
    JOIN ours AS n ON n.oid = o.schema
   WHERE NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
)
SELECT 'owner', r.rolname, r.rolsuper
  FROM (SELECT DISTINCT owner FROM owned) AS o
  JOIN pg_roles AS r ON r.oid = o.owner
 WHERE r.rolname <> $1
UNION ALL
SELECT 'schema', n.nspname, false
  FROM ours AS n
 WHERE n.nspowner <> coalesce((SELECT oid FROM pg_roles WHERE rolname = $1), 0)
   AND (n.nspname = 'public' OR n.nspname IN (SELECT nspname FROM owned))
 ORDER BY 1, 2
