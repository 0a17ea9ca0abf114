-- Checks that stand for a NOT NULL which rows kept from coming back. $1: the beginning of the release's generated names.
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), k.conname,
       pg_catalog.pg_get_constraintdef(k.oid)
  FROM pg_catalog.pg_constraint AS k
  JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE pg_catalog.starts_with(k.conname, $1) AND k.contype = 'c' AND k.coninhcount = 0
   AND n.nspname NOT IN ('switchback', 'switchback_retired')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                    WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) AND pg_catalog.starts_with(a.attname, $1))
 ORDER BY 1, 2
