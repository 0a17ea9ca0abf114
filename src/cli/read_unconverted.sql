-- $1: release. The first rows, each with the count of all.
SELECT count(*) OVER (), u.relation, u."column", u.key::text, coalesce(u.reason, '')
  FROM switchback.unconverted AS u
 WHERE u.release = $1
 ORDER BY u.relation, u."column", u.key::text
 LIMIT 5
