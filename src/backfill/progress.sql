SELECT coalesce(sum(rows), 0), coalesce(sum(blocks_done), 0), coalesce(sum(blocks), 0)
FROM switchback.progress
WHERE release = $1 AND step = $2
