INSERT INTO switchback.release AS r (name, plan_digest, system_identifier, hex) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE
SET plan_digest = excluded.plan_digest,
    system_identifier = excluded.system_identifier,
    hex = excluded.hex,
    touched = CASE WHEN r.plan_digest = excluded.plan_digest THEN r.touched END
WHERE (r.plan_digest, r.system_identifier, r.hex) <> (excluded.plan_digest, excluded.system_identifier, excluded.hex)
