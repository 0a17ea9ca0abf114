-- $1: a public key, $2: its host.
INSERT INTO switchback.runner (public_key, host) VALUES ($1, $2) ON CONFLICT (public_key) DO NOTHING
