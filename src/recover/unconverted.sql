SELECT relation, "column", key::text, coalesce(reason, ''), count(*) OVER ()
FROM switchback.unconverted
WHERE release = $1
ORDER BY at, relation, "column", key::text
LIMIT 20
