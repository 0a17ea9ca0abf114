-- Another command may bring the same line at the same time.
INSERT INTO switchback.journal (release, seq, line) VALUES ($1, $2::bigint, $3) ON CONFLICT DO NOTHING
