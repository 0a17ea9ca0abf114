-- Code that a write to the tables $2 (qualified, as SQL), or a reading of them, would evaluate, and whose owner the session does
-- not trust ($1: OIDs of roles that it does); rows that it would not see; schemas of $3 in which others may create. $4: it
-- writes as a replica, for which ordinary triggers do not fire.
WITH RECURSIVE
trusted (oid) AS (SELECT unnest($1::oid[])),
tables (oid) AS (
  SELECT to_regclass(name)::oid FROM unnest($2::text[]) AS name WHERE to_regclass(name) IS NOT NULL
  UNION
  SELECT next.oid
    FROM tables AS t
   CROSS JOIN LATERAL (
      SELECT inhrelid FROM pg_inherits WHERE inhparent = t.oid
      UNION ALL
      SELECT conrelid FROM pg_constraint
       WHERE confrelid = t.oid AND contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))) AS next (oid)),
hangs (classid, objid, at, what) AS (
  SELECT 'pg_class'::regclass, oid, oid, 'a type or key' FROM tables
  UNION ALL
  SELECT 'pg_trigger'::regclass, g.oid, g.tgrelid, 'trigger ' || g.tgname
    FROM pg_trigger AS g JOIN tables AS t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal
     AND g.tgenabled <> ALL (CASE WHEN $4::boolean THEN '{D,O}' ELSE '{D}' END::"char"[])
  UNION ALL
  SELECT 'pg_constraint'::regclass, k.oid, k.conrelid, 'constraint ' || k.conname
    FROM pg_constraint AS k JOIN tables AS t ON t.oid = k.conrelid
  UNION ALL
  SELECT 'pg_attrdef'::regclass, d.oid, d.adrelid, CASE WHEN a.attgenerated = '' THEN 'default of ' ELSE 'generated column ' END || a.attname
    FROM pg_attrdef AS d JOIN tables AS t ON t.oid = d.adrelid
    JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
  UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid, i.indrelid, 'index ' || c.relname
    FROM pg_index AS i JOIN tables AS t ON t.oid = i.indrelid JOIN pg_class AS c ON c.oid = i.indexrelid
  UNION ALL
  SELECT 'pg_policy'::regclass, p.oid, p.polrelid, 'policy ' || p.polname
    FROM pg_policy AS p JOIN tables AS t ON t.oid = p.polrelid
  UNION ALL
  SELECT 'pg_rewrite'::regclass, w.oid, w.ev_class, 'rule ' || w.rulename
    FROM pg_rewrite AS w JOIN tables AS t ON t.oid = w.ev_class),
code (classid, objid, at, what) AS (
  SELECT classid::oid, objid, at, what FROM hangs
  UNION
  SELECT next.classid, next.objid, c.at, c.what
    FROM code AS c
   CROSS JOIN LATERAL (
      SELECT d.refclassid, d.refobjid FROM pg_depend AS d
       WHERE d.classid = c.classid AND d.objid = c.objid
         AND d.refclassid IN ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass,
                              'pg_opfamily'::regclass)
      UNION ALL
      SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint AS k
       WHERE c.classid = 'pg_type'::regclass AND k.contypid = c.objid
      UNION ALL
      SELECT 'pg_cast'::regclass, k.oid FROM pg_cast AS k
       WHERE c.classid = 'pg_type'::regclass AND (k.castsource = c.objid OR k.casttarget = c.objid)
      UNION ALL
      SELECT 'pg_class'::regclass, y.typrelid FROM pg_type AS y
       WHERE c.classid = 'pg_type'::regclass AND y.oid = c.objid AND y.typrelid <> 0
      UNION ALL
      SELECT 'pg_proc'::regclass, a.amproc::oid FROM pg_amproc AS a
       WHERE c.classid = 'pg_opfamily'::regclass AND a.amprocfamily = c.objid
      UNION ALL
      SELECT 'pg_operator'::regclass, a.amopopr FROM pg_amop AS a
       WHERE c.classid = 'pg_opfamily'::regclass AND a.amopfamily = c.objid) AS next (classid, objid)),
found (what, owner, kind) AS (
  SELECT format('function %s of %s on %s', c.objid::regprocedure, c.what, c.at::regclass), p.proowner, 'code'
    FROM code AS c JOIN pg_proc AS p ON c.classid = 'pg_proc'::regclass AND p.oid = c.objid
  UNION
  SELECT format('domain %s, which %s uses and to which its owner may add a check at any time', y.oid::regtype, c.at::regclass),
         y.typowner, 'code'
    FROM code AS c JOIN pg_type AS y ON c.classid = 'pg_type'::regclass AND y.oid = c.objid AND y.typtype = 'd'
  UNION
  SELECT format('function %s of event trigger %s', e.evtfoid::regprocedure, e.evtname), p.proowner, 'code'
    FROM pg_event_trigger AS e JOIN pg_proc AS p ON p.oid = e.evtfoid WHERE e.evtenabled <> 'D'
  UNION
  SELECT format('schema %s of the search path', n.nspname), n.nspowner, 'path'
    FROM pg_namespace AS n WHERE n.nspname = ANY ($3::name[])
  UNION
  SELECT format('schema %s of the search path', n.nspname), a.grantee, 'path'
    FROM pg_namespace AS n, aclexplode(n.nspacl) AS a
   WHERE n.nspname = ANY ($3::name[]) AND a.privilege_type = 'CREATE')
SELECT what, CASE owner WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(owner) END AS owner, kind
  FROM found
 WHERE owner NOT IN (SELECT oid FROM trusted)
UNION ALL
SELECT format('table %s', t.oid::regclass), pg_get_userbyid(c.relowner), 'rows'
  FROM tables AS t JOIN pg_class AS c ON c.oid = t.oid
 WHERE c.relkind IN ('r', 'p') AND row_security_active(t.oid)
 ORDER BY 3, 1
