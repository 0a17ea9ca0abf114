-- The types $1 (oids), with the types that they are made of. `equal_*`: the equality of the default operator class that they, or
-- what they are read as without a cast, have. Whatever else is called = may mean something else.
WITH RECURSIVE wanted (oid) AS (
  SELECT unnest($1::oid[])
  UNION
  SELECT part.oid
    FROM wanted
    JOIN pg_type t ON t.oid = wanted.oid
    LEFT JOIN pg_type element ON element.oid = t.typelem AND element.typarray = t.oid
    CROSS JOIN LATERAL (VALUES (t.typbasetype), (element.oid)) AS part (oid)
   WHERE part.oid <> 0)
SELECT t.oid, t.typtype AS kind, t.typcategory AS category, t.typbasetype AS base, t.typtypmod AS base_typmod,
       coalesce(element.oid, 0) AS element,
       t.typnotnull OR EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = t.oid) AS constrained,
       quote_ident(home.nspname) || '.' || quote_ident(t.typname) AS name,
       quote_ident(equal.schema) || '.' || equal.operator AS equal_by,
       CASE WHEN equal.read_as <> t.oid THEN equal.read_as_name END AS equal_as,
       -- As the server itself decides whether an index may keep one of several equal values.
       coalesce(equal.by_image = 'btequalimage' OR equal.by_image = 'btvarstrequalimage'
                AND (SELECT c.collisdeterministic FROM pg_collation c WHERE c.oid = t.typcollation), false) AS equal_exact,
       t.typcollation AS collation,
       -- As the server chooses one: that of the type itself, else that of one that it is read as.
       (SELECT coalesce(json_object_agg(chosen.amname, chosen.oid), '{}')
          FROM (SELECT DISTINCT ON (m.amname) m.amname, o.oid
                  FROM pg_opclass o
                  JOIN pg_am m ON m.oid = o.opcmethod
                  JOIN pg_type read_as ON read_as.oid = o.opcintype
                  LEFT JOIN pg_cast c ON c.castsource = t.oid AND c.casttarget = o.opcintype
                                     AND c.castmethod = 'b' AND c.castcontext = 'i'
                 WHERE o.opcdefault AND (o.opcintype = t.oid OR c.oid IS NOT NULL)
                 ORDER BY m.amname, o.opcintype <> t.oid, NOT read_as.typispreferred, o.oid) AS chosen) AS classes
  FROM wanted
  JOIN pg_type t ON t.oid = wanted.oid
  LEFT JOIN pg_type element ON element.oid = t.typelem AND element.typarray = t.oid
  JOIN pg_namespace home ON home.oid = t.typnamespace
  LEFT JOIN LATERAL (
    SELECT n.nspname AS schema, op.oprname AS operator, o.opcintype AS read_as,
           quote_ident(rn.nspname) || '.' || quote_ident(r.typname) AS read_as_name,
           (SELECT p.proname FROM pg_amproc f JOIN pg_proc p ON p.oid = f.amproc
             WHERE m.amname = 'btree' AND f.amprocnum = 4 AND f.amprocfamily = o.opcfamily
               AND f.amproclefttype = o.opcintype AND f.amprocrighttype = o.opcintype) AS by_image
      FROM pg_opclass o
      JOIN pg_am m ON m.oid = o.opcmethod AND m.amname IN ('btree', 'hash')
      JOIN pg_amop a ON a.amopfamily = o.opcfamily AND a.amoplefttype = o.opcintype AND a.amoprighttype = o.opcintype
                    AND a.amopstrategy = CASE m.amname WHEN 'btree' THEN 3 ELSE 1 END
      JOIN pg_operator op ON op.oid = a.amopopr
      JOIN pg_namespace n ON n.oid = op.oprnamespace
      JOIN pg_type r ON r.oid = o.opcintype
      JOIN pg_namespace rn ON rn.oid = r.typnamespace
     WHERE o.opcdefault
       AND (o.opcintype = t.oid
            OR EXISTS (SELECT FROM pg_cast c WHERE c.castsource = t.oid AND c.casttarget = o.opcintype
                                               AND c.castmethod = 'b' AND c.castcontext = 'i'))
     ORDER BY o.opcintype = t.oid DESC, m.amname, r.typispreferred DESC
     LIMIT 1) AS equal ON true
