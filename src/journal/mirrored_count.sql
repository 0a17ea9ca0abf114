SELECT coalesce(max(seq), 0) FROM switchback.journal WHERE release = $1
