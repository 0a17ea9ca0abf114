UPDATE switchback.backfill_cursor SET next_block = $5::bigint, rows = rows + $6::bigint, done = $5::bigint >= end_block
WHERE release = $1 AND step = $2 AND relation = $3 AND part = $4::int
