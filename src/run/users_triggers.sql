-- Of a table ($1), with the word that brings each back as it is: those that are on, but for foreign keys' and ours.
SELECT t.tgname, CASE t.tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END
FROM pg_trigger AS t
JOIN pg_proc AS f ON f.oid = t.tgfoid
WHERE t.tgrelid = $1::regclass AND NOT t.tgisinternal AND t.tgenabled <> 'D'
  AND f.pronamespace <> 'switchback'::regnamespace
ORDER BY t.tgname
