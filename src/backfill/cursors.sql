SELECT relation, part, next_block, end_block FROM switchback.backfill_cursor
WHERE release = $1 AND step = $2 AND NOT done
ORDER BY relation, part
