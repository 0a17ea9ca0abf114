-- Everything that switchback keeps in the target. Sync triggers run as the writer of a row, who gets USAGE on the schema and
-- EXECUTE on what triggers call before a row is written, and no right on any table.
CREATE SCHEMA IF NOT EXISTS switchback;

CREATE TABLE IF NOT EXISTS switchback.release (
  name text PRIMARY KEY,
  plan_digest text NOT NULL,
  system_identifier text NOT NULL,
  hex text NOT NULL,
  touched jsonb,                     -- what the touched objects looked like after the last step
  entered timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

-- What a release has in hand, for the others: see journal::ReleaseRow.
ALTER TABLE switchback.release ADD COLUMN IF NOT EXISTS claims jsonb;

-- Releases that were ended: the same plan is not run again.
CREATE TABLE IF NOT EXISTS switchback.closed (
  release text NOT NULL,
  plan_digest text NOT NULL,
  ended text NOT NULL,               -- "never begun", "taken back", "complete"
  hex text NOT NULL,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (release, plan_digest)
);

-- What a release was begun with, and its checkpoint: for checkouts that lack them.
CREATE TABLE IF NOT EXISTS switchback.file (
  release text NOT NULL,
  name text NOT NULL,                -- "plan.lock.json", "release.yaml", "change.sql", "checkpoint.json"
  content text NOT NULL,
  PRIMARY KEY (release, name)
);

CREATE TABLE IF NOT EXISTS switchback.journal (
  release text NOT NULL,
  seq bigint NOT NULL,
  line text NOT NULL,
  PRIMARY KEY (release, seq)
);

-- Public keys of runners, by which every checkout knows what a release did.
CREATE TABLE IF NOT EXISTS switchback.runner (
  public_key text PRIMARY KEY,
  host text NOT NULL,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
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
-- The holder's session, which also runs what is in no transaction: who takes over ends this one and no other.
ALTER TABLE switchback.lease ADD COLUMN IF NOT EXISTS backend_pid integer;
ALTER TABLE switchback.lease ADD COLUMN IF NOT EXISTS backend_start timestamptz;

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

-- Of versions that let everyone execute them.
DROP FUNCTION IF EXISTS switchback.note_unconverted(text, text, text, jsonb, text, text);
DROP FUNCTION IF EXISTS switchback.forget_unconverted(text, text, text, jsonb);
DROP FUNCTION IF EXISTS switchback.note_both_changed(text, text, text, jsonb);

-- Called by the triggers of the pair `suffix` before a row is written, as the writer: remembers for the trigger after the row
-- what happened to it ("both", "up:REASON", "down:REASON"). Harmless, so everyone may. Bounded: what comes after 16 kB is
-- only known to have been more, and is noted without its reason.
CREATE OR REPLACE FUNCTION switchback.tell(suffix text, key jsonb, what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  told text := coalesce(current_setting('switchback.told', true), '');
BEGIN
  IF length(told) < 16384 THEN
    told := told || chr(1) || suffix || chr(2) || key || chr(3) || translate(left(what, 1000), E'\x01\x02\x03\x04\x05', '')
            || chr(4);
  ELSIF right(told, 1) <> chr(5) THEN
    told := told || chr(5);
  END IF;
  PERFORM set_config('switchback.told', told, true);
END
$$;

-- Called by the triggers of a pair after a row was written, with the rights of the schema's owner, and by nobody else: notes
-- what was told about the row where it bears that out (a side that is NULL), and forgets what no longer holds for it.
CREATE OR REPLACE FUNCTION switchback.note(release text, relation text, col text, suffix text, key jsonb, new_is_null boolean,
                                           old_is_null boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  told text := coalesce(current_setting('switchback.told', true), '');
  parts text[] := string_to_array(told, chr(1) || suffix || chr(2) || key || chr(3));
  what text;
  way text;
  why text;
BEGIN
  FOR i IN 2 .. coalesce(array_length(parts, 1), 0) LOOP
    what := split_part(parts[i], chr(4), 1);
    IF what = 'both' THEN
      INSERT INTO switchback.both_changed AS b (release, relation, "column", key)
      VALUES ($1, $2, $3, $5)
      ON CONFLICT ON CONSTRAINT both_changed_pkey DO UPDATE SET at = excluded.at;
    ELSIF what LIKE 'up:%' AND new_is_null OR what LIKE 'down:%' AND old_is_null THEN
      way := split_part(what, ':', 1);
      why := substr(what, length(way) + 2);
    END IF;
  END LOOP;
  IF way IS NULL AND right(told, 1) = chr(5) AND (new_is_null OR old_is_null) THEN
    way := CASE WHEN new_is_null THEN 'up' ELSE 'down' END;
  END IF;
  IF way IS NOT NULL THEN
    INSERT INTO switchback.unconverted AS u (release, relation, "column", key, direction, reason)
    VALUES ($1, $2, $3, $5, way, why)
    ON CONFLICT ON CONSTRAINT unconverted_pkey
    DO UPDATE SET direction = excluded.direction, reason = excluded.reason, at = excluded.at;
  ELSIF key <> '{}' THEN
    DELETE FROM switchback.unconverted AS u WHERE u.release = $1 AND u.relation = $2 AND u."column" = $3 AND u.key = $5;
  END IF;
END
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
GRANT EXECUTE ON FUNCTION switchback.tell(text, jsonb, text) TO PUBLIC;
REVOKE ALL ON FUNCTION switchback.note(text, text, text, text, jsonb, boolean, boolean) FROM PUBLIC;
