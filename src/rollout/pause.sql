WITH asked AS (
  INSERT INTO switchback.pause (release, asked_by) VALUES ($1, $2)
  ON CONFLICT (release) DO UPDATE SET asked_by = excluded.asked_by, at = excluded.at
)
SELECT EXISTS (SELECT FROM switchback.progress WHERE release = $1 AND runs AND NOT done)
