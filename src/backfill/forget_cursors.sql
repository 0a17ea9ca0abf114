DELETE FROM switchback.backfill_cursor WHERE release = $1 AND step = $2
