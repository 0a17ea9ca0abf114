-- What in the schemas of ours is not of a role that the session trusts ($1: their OIDs), with the
-- remedy as a statement, or nothing.
WITH
trusted (oid) AS (SELECT unnest($1::oid[])),
schemas AS (
  SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
   WHERE nspname IN ('switchback', 'switchback_retired', 'switchback_salvage')),
relations AS (
  SELECT c.oid, c.relowner, c.relkind, c.relacl, c.relrowsecurity, n.nspname || '.' || c.relname AS name,
         quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS sql_name
    FROM pg_class AS c
    JOIN schemas AS n ON n.oid = c.relnamespace
   WHERE n.nspname <> 'switchback_retired'),
found (what, owner, remedy) AS (
  SELECT 'the schema ' || nspname, nspowner, NULL FROM schemas WHERE nspowner NOT IN (SELECT oid FROM trusted)
  UNION ALL
  SELECT 'the right to create in the schema ' || nspname, a.grantee,
         'REVOKE CREATE ON SCHEMA ' || quote_ident(nspname) || ' FROM '
    FROM schemas, aclexplode(nspacl) AS a
   WHERE a.privilege_type = 'CREATE' AND a.grantee <> nspowner AND a.grantee NOT IN (SELECT oid FROM trusted)
  UNION ALL
  SELECT 'the relation ' || name, relowner, NULL FROM relations WHERE relowner NOT IN (SELECT oid FROM trusted)
  UNION ALL
  SELECT DISTINCT 'a right to ' || name, a.grantee, 'REVOKE ALL ON ' || sql_name || ' FROM '
    FROM relations, aclexplode(relacl) AS a
   WHERE relkind <> 'i' AND a.grantee <> relowner AND a.grantee NOT IN (SELECT oid FROM trusted)
     AND NOT (name = 'switchback.progress' AND a.privilege_type = 'SELECT')
  UNION ALL
  SELECT 'the trigger ' || t.tgname || ' on ' || r.name, p.proowner,
         'DROP TRIGGER ' || quote_ident(t.tgname) || ' ON ' || r.sql_name
    FROM relations AS r
    JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal
    JOIN pg_proc AS p ON p.oid = t.tgfoid
  UNION ALL
  SELECT 'the rule ' || w.rulename || ' on ' || r.name, r.relowner,
         'DROP RULE ' || quote_ident(w.rulename) || ' ON ' || r.sql_name
    FROM relations AS r
    JOIN pg_rewrite AS w ON w.ev_class = r.oid AND NOT (r.relkind = 'v' AND w.rulename = '_RETURN')
  UNION ALL
  SELECT 'row security of ' || name, relowner, 'ALTER TABLE ' || sql_name || ' DISABLE ROW LEVEL SECURITY'
    FROM relations WHERE relrowsecurity
  UNION ALL
  SELECT 'the default of ' || r.name || '.' || a.attname, p.proowner,
         'ALTER TABLE ' || r.sql_name || ' ALTER COLUMN ' || quote_ident(a.attname) || ' DROP DEFAULT'
    FROM relations AS r
    JOIN pg_attrdef AS d ON d.adrelid = r.oid
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = d.adnum
    JOIN pg_depend AS u ON u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid AND u.refclassid = 'pg_proc'::regclass
    JOIN pg_proc AS p ON p.oid = u.refobjid AND p.proowner NOT IN (SELECT oid FROM trusted)
  UNION ALL
  SELECT 'the constraint ' || k.conname || ' on ' || r.name, p.proowner,
         'ALTER TABLE ' || r.sql_name || ' DROP CONSTRAINT ' || quote_ident(k.conname)
    FROM relations AS r
    JOIN pg_constraint AS k ON k.conrelid = r.oid
    JOIN pg_depend AS u ON u.classid = 'pg_constraint'::regclass AND u.objid = k.oid AND u.refclassid = 'pg_proc'::regclass
    JOIN pg_proc AS p ON p.oid = u.refobjid AND p.proowner NOT IN (SELECT oid FROM trusted)
  UNION ALL
  SELECT 'the index ' || i.indexrelid::regclass || ' on ' || r.name, p.proowner, 'DROP INDEX ' || i.indexrelid::regclass
    FROM relations AS r
    JOIN pg_index AS i ON i.indrelid = r.oid
    JOIN pg_depend AS u ON u.classid = 'pg_class'::regclass AND u.objid = i.indexrelid AND u.refclassid = 'pg_proc'::regclass
    JOIN pg_proc AS p ON p.oid = u.refobjid AND p.proowner NOT IN (SELECT oid FROM trusted)
  UNION ALL
  SELECT 'the function ' || n.nspname || '.' || p.proname, p.proowner, 'DROP FUNCTION ' || p.oid::regprocedure
    FROM pg_proc AS p
    JOIN schemas AS n ON n.oid = p.pronamespace
   WHERE p.proowner NOT IN (SELECT oid FROM trusted)
  UNION ALL
  SELECT 'the type ' || n.nspname || '.' || t.typname, t.typowner, 'DROP TYPE ' || t.oid::regtype
    FROM pg_type AS t
    JOIN schemas AS n ON n.oid = t.typnamespace
   WHERE n.nspname <> 'switchback_retired' AND t.typrelid = 0 AND t.typcategory <> 'A'
     AND t.typowner NOT IN (SELECT oid FROM trusted))
SELECT what, CASE owner WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(owner) END AS owner,
       remedy || CASE WHEN remedy LIKE 'REVOKE%' THEN CASE owner WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(owner)) END
                      ELSE '' END AS remedy
  FROM found
 ORDER BY 1
