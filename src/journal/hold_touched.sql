-- Of all releases, in one order, so that two runs that end a step at once do not wait for each other in a circle.
SELECT name, touched::text FROM switchback.release WHERE name = $1 OR touched IS NOT NULL ORDER BY name FOR UPDATE
