-- The types $1 (oids), with the types that they are made of. `ordered`: they, or what they are read as without a cast,
-- have an operator class, so that = means equal.
WITH RECURSIVE wanted (oid) AS (
  SELECT unnest($1::oid[])
  UNION
  SELECT part.oid
    FROM wanted
    JOIN pg_type t ON t.oid = wanted.oid
    LEFT JOIN pg_type element ON element.typarray = t.oid
    CROSS JOIN LATERAL (VALUES (t.typbasetype), (element.oid)) AS part (oid)
   WHERE part.oid <> 0)
SELECT t.oid, t.typtype AS kind, t.typcategory AS category, t.typbasetype AS base, t.typtypmod AS base_typmod,
       coalesce(element.oid, 0) AS element,
       t.typnotnull OR EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = t.oid) AS constrained,
       EXISTS (SELECT FROM pg_opclass o
                 JOIN pg_am m ON m.oid = o.opcmethod AND m.amname IN ('btree', 'hash')
                WHERE o.opcdefault
                  AND (o.opcintype = t.oid
                       OR EXISTS (SELECT FROM pg_cast c WHERE c.castsource = t.oid AND c.casttarget = o.opcintype
                                                          AND c.castmethod = 'b' AND c.castcontext = 'i'))) AS ordered
  FROM wanted
  JOIN pg_type t ON t.oid = wanted.oid
  LEFT JOIN pg_type element ON element.typarray = t.oid
