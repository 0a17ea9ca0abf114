-- $1: schema, $2: table. Constraints that are not validated, with what a row that breaks each of them is: the expression of a check
-- over t, or the columns of a foreign key with those that they refer to.
SELECT c.conname, c.contype = 'f', pg_get_constraintdef(c.oid), pg_get_expr(c.conbin, c.conrelid),
       CASE WHEN c.contype = 'f' THEN
         (SELECT string_agg(format('t.%I IS NOT NULL', a.attname), ' AND ')
            || format(' AND NOT EXISTS (SELECT FROM %s r WHERE ', c.confrelid::regclass)
            || string_agg(format('r.%I = t.%I', r.attname, a.attname), ' AND ') || ')'
            FROM unnest(c.conkey, c.confkey) AS k (ours, theirs)
            JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.ours
            JOIN pg_attribute AS r ON r.attrelid = c.confrelid AND r.attnum = k.theirs)
       END,
       (SELECT a.attname FROM pg_attribute AS a
         WHERE c.contype = 'c' AND a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
           AND pg_get_expr(c.conbin, c.conrelid) = format('(%I IS NOT NULL)', a.attname)),
       (SELECT json_agg(a.attname ORDER BY k.position)::text
          FROM pg_constraint AS p, unnest(p.conkey) WITH ORDINALITY AS k (number, position)
          JOIN pg_attribute AS a ON a.attnum = k.number
         WHERE p.conrelid = c.conrelid AND p.contype = 'p' AND a.attrelid = c.conrelid)
  FROM pg_constraint AS c
  JOIN pg_class AS t ON t.oid = c.conrelid
  JOIN pg_namespace AS n ON n.oid = t.relnamespace
 WHERE n.nspname = $1 AND t.relname = $2 AND c.contype IN ('c', 'f') AND NOT c.convalidated
 ORDER BY c.conname
