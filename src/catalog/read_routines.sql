-- The functions that are no part of PostgreSQL, where one of them has a name in $1 or is a trigger's of a table in $2 (oids).
-- In C nobody can read what a function does, but most need a text to be told what to read.
WITH mine AS (
  SELECT p.oid, p.proname, p.provolatile, p.proargtypes, p.prokind, l.lanname
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_language l ON l.oid = p.prolang
   WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'switchback') AND p.prokind <> 'a')
SELECT proname AS name,
       provolatile = 'i' OR (lanname = 'c' AND NOT EXISTS (
         SELECT FROM unnest(proargtypes) AS argument
          WHERE argument IN ('text'::regtype, 'varchar'::regtype, 'cstring'::regtype, 'name'::regtype, 'regclass'::regtype)
       )) AS pure,
       CASE WHEN lanname IN ('sql', 'plpgsql') THEN pg_get_functiondef(oid) END AS definition
  FROM mine
 WHERE EXISTS (SELECT FROM mine AS called WHERE called.proname = ANY ($1::text[]))
    OR EXISTS (SELECT FROM pg_trigger t JOIN mine AS fired ON fired.oid = t.tgfoid WHERE t.tgrelid = ANY ($2::oid[]))
 ORDER BY proname, oid
