INSERT INTO switchback.closed (release, plan_digest, ended, hex) VALUES ($1, $2, $3, $4)
ON CONFLICT (release, plan_digest) DO UPDATE SET ended = excluded.ended, at = excluded.at
