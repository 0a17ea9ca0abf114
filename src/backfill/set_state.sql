INSERT INTO switchback.backfill_state (release, step, waits_for, since) VALUES ($1, $2, $3, clock_timestamp())
ON CONFLICT (release) DO UPDATE SET step = excluded.step, waits_for = excluded.waits_for, since = excluded.since
