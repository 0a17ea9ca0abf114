-- What hangs on the tables $1 (oids) by the server's own account. Objects in schema switchback are the program's own.
WITH hanging AS (
  SELECT d.refobjid AS table_oid, d.classid, d.objid,
         coalesce(json_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL), '[]') AS columns
    FROM (SELECT DISTINCT refobjid, classid, objid, refobjsubid
            FROM pg_depend WHERE refclassid = 'pg_class'::regclass AND refobjid = ANY ($1::oid[])) AS d
    LEFT JOIN pg_attrdef own ON d.classid = 'pg_attrdef'::regclass AND own.oid = d.objid
    LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attnum > 0
   WHERE d.refobjsubid IS DISTINCT FROM own.adnum
   GROUP BY d.refobjid, d.classid, d.objid)
SELECT h.table_oid,
       CASE WHEN r.rulename <> '_RETURN' THEN 'rule' WHEN c.relkind = 'm' THEN 'materialized view'
            ELSE 'view' END AS kind,
       CASE WHEN r.rulename <> '_RETURN' THEN quote_ident(r.rulename) || ' on ' ELSE '' END
         || quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
       h.columns,
       CASE WHEN r.rulename <> '_RETURN' THEN pg_get_ruledef(r.oid) ELSE pg_get_viewdef(c.oid) END AS definition,
       NULL::json AS of
  FROM hanging h
  JOIN pg_rewrite r ON h.classid = 'pg_rewrite'::regclass AND r.oid = h.objid
  JOIN pg_class c ON c.oid = r.ev_class
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT (r.rulename = '_RETURN' AND r.ev_class = h.table_oid) AND n.nspname <> 'switchback'
UNION ALL
SELECT h.table_oid, 'policy',
       quote_ident(p.polname) || ' on ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       h.columns,
       CASE WHEN p.polpermissive THEN '' ELSE 'AS RESTRICTIVE ' END
         || 'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                    WHEN 'd' THEN 'DELETE' ELSE 'ALL' END
         || ' TO ' || (SELECT string_agg(CASE WHEN o = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(o)) END, ', ')
                         FROM unnest(p.polroles) AS o)
         || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
         || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''),
       NULL
  FROM hanging h
  JOIN pg_policy p ON h.classid = 'pg_policy'::regclass AND p.oid = h.objid
  JOIN pg_class c ON c.oid = p.polrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname <> 'switchback'
UNION ALL
SELECT h.table_oid, 'generated column', a.attname::text, h.columns, pg_get_expr(d.adbin, d.adrelid), NULL
  FROM hanging h
  JOIN pg_attrdef d ON h.classid = 'pg_attrdef'::regclass AND d.oid = h.objid
  JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated <> ''
UNION ALL
-- Up to 14, the column itself depends on what it reads.
SELECT d.refobjid, 'generated column', g.attname::text, json_agg(a.attname ORDER BY a.attnum),
       pg_get_expr(x.adbin, x.adrelid), NULL
  FROM pg_depend d
  JOIN pg_attribute g ON g.attrelid = d.objid AND g.attnum = d.objsubid AND g.attgenerated <> ''
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attnum > 0
  JOIN pg_attrdef x ON x.adrelid = g.attrelid AND x.adnum = g.attnum
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.objid = d.refobjid
   AND d.refobjid = ANY ($1::oid[])
 GROUP BY d.refobjid, g.attname, x.adbin, x.adrelid
UNION ALL
SELECT h.table_oid, 'function', p.oid::regprocedure::text, h.columns,
       CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END, NULL
  FROM hanging h
  JOIN pg_proc p ON h.classid = 'pg_proc'::regclass AND p.oid = h.objid
  JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname <> 'switchback'
UNION ALL
-- Functions that take or give rows of the table.
SELECT c.oid, 'row function', p.oid::regprocedure::text, NULL::json,
       CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END, NULL
  FROM pg_class c
  JOIN pg_type t ON t.oid = c.reltype
  JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
                  AND d.classid = 'pg_proc'::regclass
  JOIN pg_proc p ON p.oid = d.objid
  JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE c.oid = ANY ($1::oid[]) AND n.nspname <> 'switchback'
UNION ALL
SELECT h.table_oid, 'statistics', quote_ident(n.nspname) || '.' || quote_ident(s.stxname), h.columns,
       pg_get_statisticsobjdef(s.oid), json_build_array(n.nspname, s.stxname)
  FROM hanging h
  JOIN pg_statistic_ext s ON h.classid = 'pg_statistic_ext'::regclass AND s.oid = h.objid
  JOIN pg_namespace n ON n.oid = s.stxnamespace
UNION ALL
SELECT k.confrelid, 'foreign key',
       quote_ident(k.conname) || ' on ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       (SELECT json_agg(a.attname ORDER BY key.n)
          FROM unnest(k.confkey) WITH ORDINALITY AS key (attnum, n)
          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = key.attnum),
       pg_get_constraintdef(k.oid), json_build_array(n.nspname, c.relname)
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE k.contype = 'f' AND k.confrelid = ANY ($1::oid[]) AND k.conrelid <> k.confrelid AND k.conparentid = 0
   AND n.nspname <> 'switchback'
