-- What a salvage keeps on the restored server while it works, and until conflicts are decided.
CREATE SCHEMA IF NOT EXISTS switchback_salvage;

-- The applications' changes, and the migration's of the same rows, by table. Like `staged` not kept over a crash of the server.
CREATE TABLE IF NOT EXISTS switchback_salvage.change (
  relation int8 NOT NULL,
  identity text NOT NULL,
  seq int8 NOT NULL,
  application boolean NOT NULL,
  op text NOT NULL,
  key text[],
  image text,
  before text,
  arguments text[]
) PARTITION BY LIST (relation);

-- One row once all changes stand in `change`.
CREATE UNLOGGED TABLE IF NOT EXISTS switchback_salvage.staged (through text NOT NULL, account text NOT NULL);

-- Tables that are done with all that committed before `through`, with what came of them: committed together with the rows.
CREATE TABLE IF NOT EXISTS switchback_salvage.done (relation int8 PRIMARY KEY, through text NOT NULL, report text NOT NULL);

-- `taken`: the decision that is done; `refused`: why the one that was given is not.
CREATE TABLE IF NOT EXISTS switchback_salvage.conflict (
  id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation int8 NOT NULL,
  identity text NOT NULL,
  body text NOT NULL,
  taken text,
  refused text
);

-- What a person decided, the last one first in force: of a cause or a group by `name`; of one conflict by `place`, where
-- it is, with its `content` at that time.
CREATE TABLE IF NOT EXISTS switchback_salvage.decision (
  seq int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text UNIQUE,
  place text UNIQUE,
  take text NOT NULL,
  content text
);

-- What decisions did to rows, in their order: whole rows, NULL where there was none.
CREATE TABLE IF NOT EXISTS switchback_salvage.effect (
  n int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  conflict int8 NOT NULL,
  relation int8 NOT NULL,
  before text[],
  after text[]
);
