SELECT step, sum(rows), CASE WHEN sum(blocks) > 0 THEN (sum(blocks_done) * 100 / sum(blocks))::bigint ELSE 100 END, bool_or(runs),
       min(waits_for)
FROM switchback.progress
WHERE release = $1
GROUP BY step
ORDER BY step
