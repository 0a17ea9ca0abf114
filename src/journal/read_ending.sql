SELECT ended, pg_catalog.to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
  FROM switchback.closed WHERE release = $1 AND plan_digest = $2
