INSERT INTO switchback.backfill_cursor (release, step, relation, part, next_block, end_block, done)
VALUES ($1, $2, $3, $4::int, $5::bigint, $6::bigint, false)
