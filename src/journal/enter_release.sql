INSERT INTO switchback.release AS r (name, plan_digest, system_identifier, hex, claims) VALUES ($1, $2, $3, $4, $5::jsonb)
ON CONFLICT (name) DO UPDATE
SET plan_digest = excluded.plan_digest,
    system_identifier = excluded.system_identifier,
    hex = excluded.hex,
    claims = excluded.claims,
    touched = CASE WHEN r.plan_digest = excluded.plan_digest THEN r.touched END
WHERE (r.plan_digest, r.system_identifier, r.hex, r.claims)
      IS DISTINCT FROM (excluded.plan_digest, excluded.system_identifier, excluded.hex, excluded.claims)
