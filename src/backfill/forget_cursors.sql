WITH state AS (DELETE FROM switchback.backfill_state WHERE release = $1 AND step = $2)
DELETE FROM switchback.backfill_cursor WHERE release = $1 AND step = $2
