SELECT name, claims::text FROM switchback.release WHERE name <> $1 AND claims IS NOT NULL ORDER BY name
