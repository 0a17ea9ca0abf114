-- Everything that switchback keeps in the target. Sync triggers run as the writer of a row, who gets USAGE on the schema and
-- EXECUTE on two functions, and no right on any table.
CREATE SCHEMA IF NOT EXISTS switchback;

CREATE TABLE IF NOT EXISTS switchback.release (
  name text PRIMARY KEY,
  plan_digest text NOT NULL,
  system_identifier text NOT NULL,
  hex text NOT NULL,
  touched jsonb,                     -- what the touched objects looked like after the last step
  entered timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

CREATE TABLE IF NOT EXISTS switchback.journal (
  release text NOT NULL,
  seq bigint NOT NULL,
  line text NOT NULL,
  PRIMARY KEY (release, seq)
);

CREATE TABLE IF NOT EXISTS switchback.lease (
  release text PRIMARY KEY,
  token bigint NOT NULL,
  holder text NOT NULL,
  host text NOT NULL,
  pid bigint NOT NULL,
  boot_id text NOT NULL,
  started timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS switchback.backfill_cursor (
  release text NOT NULL,
  step text NOT NULL,
  relation text NOT NULL,            -- a leaf
  part integer NOT NULL,             -- of its blocks
  next_block bigint NOT NULL,
  end_block bigint NOT NULL,
  done boolean NOT NULL DEFAULT false,
  rows bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (release, step, relation, part)
);

-- Rows whose value could not be carried to the other side: the way back is closed for them.
CREATE TABLE IF NOT EXISTS switchback.unconverted (
  release text NOT NULL,
  relation text NOT NULL,
  "column" text NOT NULL,
  key jsonb NOT NULL,
  direction text NOT NULL,
  reason text,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (release, relation, "column", key)
);

-- Rows in which one statement changed both sides inconsistently: the new side won.
CREATE TABLE IF NOT EXISTS switchback.both_changed (
  release text NOT NULL,
  relation text NOT NULL,
  "column" text NOT NULL,
  key jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (release, relation, "column", key)
);

-- Values that a backfill overwrote when the release went forward again.
CREATE TABLE IF NOT EXISTS switchback.replaced (
  release text NOT NULL,
  relation text NOT NULL,
  "column" text NOT NULL,
  key jsonb NOT NULL,
  dropped text,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

-- Releases whose backfills are to wait, because a person said so.
CREATE TABLE IF NOT EXISTS switchback.pause (
  release text PRIMARY KEY,
  asked_by text NOT NULL,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

-- Backfills that run, or were left when their run ended.
CREATE TABLE IF NOT EXISTS switchback.backfill_state (
  release text PRIMARY KEY,
  step text NOT NULL,
  waits_for text,                    -- why it is held back
  since timestamptz NOT NULL         -- when that began, or when it went on
);

CREATE TABLE IF NOT EXISTS switchback.retired (
  release text NOT NULL,
  generated_name text NOT NULL,
  schema text NOT NULL,
  kind text NOT NULL,
  former_schema text NOT NULL,
  former_name text NOT NULL,
  definition text,
  PRIMARY KEY (release, generated_name)
);

CREATE OR REPLACE FUNCTION switchback.note_unconverted(release text, relation text, col text, key jsonb, direction text,
                                                       reason text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO switchback.unconverted (release, relation, "column", key, direction, reason)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (release, relation, "column", key)
  DO UPDATE SET direction = excluded.direction, reason = excluded.reason, at = excluded.at
$$;

CREATE OR REPLACE FUNCTION switchback.forget_unconverted(release text, relation text, col text, key jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM switchback.unconverted AS u
  WHERE u.release = $1 AND u.relation = $2 AND u."column" = $3 AND u.key = $4
$$;

CREATE OR REPLACE FUNCTION switchback.note_both_changed(release text, relation text, col text, key jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO switchback.both_changed (release, relation, "column", key)
  VALUES ($1, $2, $3, $4)
  ON CONFLICT (release, relation, "column", key) DO UPDATE SET at = excluded.at
$$;

-- How far backfills are, a row for each leaf. `runs`: somebody holds the release's lease.
CREATE OR REPLACE VIEW switchback.progress AS
SELECT c.release, c.step, c.relation, c.rows, c.blocks_done, c.blocks,
       CASE WHEN c.blocks > 0 THEN c.blocks_done * 100 / c.blocks ELSE 100 END AS percent, c.done,
       coalesce(l.expires_at > pg_catalog.clock_timestamp(), false) AS runs, s.waits_for, s.since, p.asked_by AS paused_by
FROM (
  SELECT release, step, relation, pg_catalog.sum(rows)::bigint AS rows, pg_catalog.bool_and(done) AS done,
         pg_catalog.sum(next_block - begin_block)::bigint AS blocks_done,
         pg_catalog.sum(end_block - begin_block)::bigint AS blocks
  FROM (
    SELECT *, coalesce(pg_catalog.lag(end_block) OVER (PARTITION BY release, step, relation ORDER BY part), 0) AS begin_block
    FROM switchback.backfill_cursor
  ) AS part
  GROUP BY release, step, relation
) AS c
LEFT JOIN switchback.backfill_state AS s ON s.release = c.release AND s.step = c.step
LEFT JOIN switchback.lease AS l ON l.release = c.release
LEFT JOIN switchback.pause AS p ON p.release = c.release;

GRANT SELECT ON switchback.progress TO pg_monitor;
GRANT USAGE ON SCHEMA switchback TO PUBLIC;
GRANT EXECUTE ON FUNCTION switchback.note_unconverted(text, text, text, jsonb, text, text) TO PUBLIC;
GRANT EXECUTE ON FUNCTION switchback.forget_unconverted(text, text, text, jsonb) TO PUBLIC;
GRANT EXECUTE ON FUNCTION switchback.note_both_changed(text, text, text, jsonb) TO PUBLIC;
