INSERT INTO switchback.journal (release, seq, line) VALUES ($1, $2::bigint, $3)
