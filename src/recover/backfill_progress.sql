SELECT step, relation, sum(rows), sum(next_block - begin_block), sum(end_block - begin_block), bool_and(done)
FROM (
  SELECT *, coalesce(lag(end_block) OVER (PARTITION BY step, relation ORDER BY part), 0) AS begin_block
  FROM switchback.backfill_cursor
  WHERE release = $1
) AS part
GROUP BY step, relation
ORDER BY step, relation
