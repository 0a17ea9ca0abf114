#include "statements.h"

namespace compile {

const char* const kStart = R"sql(
SET search_path = public;
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE t (id int PRIMARY KEY, a int, b text, c int NOT NULL DEFAULT 7, n varchar(10), k int CONSTRAINT t_k UNIQUE,
                m int, CONSTRAINT t_c_ok CHECK (c > 0));
CREATE INDEX t_a_idx ON t (a);
CREATE INDEX t_ab ON t (a, b);
CREATE UNIQUE INDEX t_cm ON t (c, m);
COMMENT ON COLUMN t.a IS 'a count';
COMMENT ON INDEX t_ab IS 'both';
COMMENT ON CONSTRAINT t_c_ok ON t IS 'more than none';
CREATE STATISTICS t_stat (dependencies) ON id, a FROM t;
COMMENT ON STATISTICS t_stat IS 'id and a';
ALTER TABLE t ALTER a SET STATISTICS 300, ALTER a SET (n_distinct = -0.5), ALTER b SET STORAGE EXTERNAL,
              ALTER b SET COMPRESSION pglz, CLUSTER ON t_ab;
COMMENT ON CONSTRAINT t_k ON t IS 'a key';
CREATE TABLE u (id int PRIMARY KEY, t_id int REFERENCES t ON DELETE CASCADE, v int, x text);
CREATE TABLE u_x (id int PRIMARY KEY, t_id int REFERENCES t ON DELETE CASCADE, v int);
CREATE TABLE w (id int PRIMARY KEY, t_k int REFERENCES t (k) ON UPDATE CASCADE, x int);
CREATE TABLE l (msg text, n int);
CREATE TABLE x (id int PRIMARY KEY, n int NOT NULL, c int CHECK (c IS NOT NULL), k int CHECK (k > 0), d int,
                CONSTRAINT x_one CHECK (num_nonnulls(c, d) >= 1));
COMMENT ON CONSTRAINT x_one ON x IS 'one of them';
CREATE VIEW tv AS SELECT id, c FROM t;
CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
CREATE FUNCTION total() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT sum(v) FROM u); END';
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.x := ''marked''; RETURN NEW; END';
INSERT INTO t SELECT g, g * 10, 'b' || g, g, 'n' || g, g * 100, g FROM generate_series(1, 6) g;
INSERT INTO u SELECT g, 1 + g % 4, g, 'x' || g FROM generate_series(1, 8) g;
INSERT INTO u_x SELECT g, 1 + g % 4, g FROM generate_series(1, 8) g;
INSERT INTO w SELECT g, g * 100, g FROM generate_series(1, 3) g;
INSERT INTO x SELECT g, g, g, g, g FROM generate_series(1, 5) g;
INSERT INTO l SELECT 'l' || g, g FROM generate_series(1, 3) g;
)sql";

const std::vector<std::string> kStatements = {
    // columns
    "ALTER TABLE t ADD COLUMN z int DEFAULT 5",
    "ALTER TABLE t ADD COLUMN z int",
    "ALTER TABLE t ADD COLUMN z int NOT NULL DEFAULT 5",
    "ALTER TABLE t ADD COLUMN z text DEFAULT ('c' || 'd')",
    "ALTER TABLE t ALTER COLUMN z SET DEFAULT 7",
    "ALTER TABLE t ALTER COLUMN z DROP DEFAULT",
    "ALTER TABLE t ALTER COLUMN z TYPE bigint",
    "ALTER TABLE t RENAME COLUMN a TO z",
    "ALTER TABLE t RENAME COLUMN z TO y",
    "ALTER TABLE t ALTER COLUMN a TYPE bigint",
    "ALTER TABLE t RENAME COLUMN b TO e",
    "ALTER TABLE t DROP COLUMN a",
    "ALTER TABLE t DROP COLUMN b",
    "ALTER TABLE t DROP COLUMN m",
    "ALTER TABLE t ALTER COLUMN n TYPE varchar(20)",
    "ALTER TABLE t ALTER COLUMN b SET DEFAULT 'q'",
    "ALTER TABLE t ALTER COLUMN c DROP DEFAULT",
    "ALTER TABLE t ALTER COLUMN c DROP NOT NULL",
    "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
    "ALTER TABLE u ADD COLUMN z int DEFAULT 5",
    "ALTER TABLE u RENAME COLUMN v TO z",
    "ALTER TABLE u DROP COLUMN v",
    "ALTER TABLE x DROP COLUMN n",
    "ALTER TABLE x DROP COLUMN c",
    "ALTER TABLE x DROP COLUMN k",
    // rows
    "UPDATE t SET a = 1",
    "UPDATE t SET m = m + 1 WHERE id > 3",
    "UPDATE t SET k = k + 1000",
    "UPDATE u SET v = v + 1",
    "UPDATE u SET v = (SELECT sum(a) FROM t)",
    "UPDATE u SET v = (SELECT sum(z) FROM t)",
    "UPDATE u SET v = total()",
    "UPDATE u SET v = twice(v)",
    "UPDATE u SET x = 'plain' WHERE id = 1",
    "DELETE FROM t WHERE id > 4",
    "DELETE FROM t WHERE id = 4",
    "DELETE FROM u WHERE id < 3",
    "DELETE FROM w",
    "INSERT INTO l SELECT b, a FROM t",
    "INSERT INTO l SELECT x, v FROM u",
    "INSERT INTO u (id, t_id, v) VALUES (90, 1, 90)",
    "INSERT INTO u (id, t_id, v) VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET v = 77",
    "INSERT INTO u (id, v) VALUES (91, 3) ON CONFLICT (v) DO NOTHING",
    "UPDATE w SET x = (SELECT max(c) FROM tv)",
    // constraints and indexes
    "ALTER TABLE u ADD CONSTRAINT u_pos CHECK (v > 1)",
    "ALTER TABLE u ADD CHECK (v > 0)",
    "ALTER TABLE u ADD CONSTRAINT u_later CHECK (v > 0) NOT VALID",
    "ALTER TABLE u VALIDATE CONSTRAINT u_later",
    "ALTER TABLE u ADD CONSTRAINT u_v UNIQUE (v)",
    "ALTER TABLE u ADD UNIQUE (t_id, v)",
    "ALTER TABLE u ADD CONSTRAINT u_v UNIQUE (v) DEFERRABLE INITIALLY DEFERRED",
    "ALTER TABLE u ADD UNIQUE NULLS NOT DISTINCT (v) INCLUDE (x)",
    "ALTER TABLE u ADD UNIQUE (v) WITH (fillfactor = 70)",
    "ALTER TABLE u ADD CONSTRAINT u_alone CHECK (v > 0) NO INHERIT",
    "ALTER TABLE u ADD FOREIGN KEY (v) REFERENCES u_x (id)",
    "ALTER TABLE u DROP CONSTRAINT u_t_id_fkey",
    "ALTER TABLE u ADD FOREIGN KEY (t_id) REFERENCES t (id)",
    "ALTER TABLE u DROP CONSTRAINT u_t_id_fkey, ADD FOREIGN KEY (t_id) REFERENCES t (id)",
    "ALTER TABLE w DROP CONSTRAINT w_t_k_fkey",
    "ALTER TABLE t DROP CONSTRAINT t_c_ok",
    "ALTER TABLE t ADD CONSTRAINT t_c_ok CHECK (c > 0)",
    "ALTER TABLE u ADD COLUMN y int, DROP CONSTRAINT u_t_id_fkey",
    "CREATE UNIQUE INDEX u_vi ON u (v)",
    "CREATE INDEX ON u (v)",
    "CREATE INDEX ON t (a)",
    "CREATE INDEX t_z ON t (z)",
    "DROP INDEX t_a_idx",
    "DROP INDEX t_cm",
    "COMMENT ON INDEX t_ab IS 'other'",
    "COMMENT ON COLUMN t.a IS 'other'",
    "COMMENT ON COLUMN t.z IS 'z'",
    "COMMENT ON CONSTRAINT u_pos ON u IS 'pos'",
    "ALTER TABLE t CLUSTER ON t_ab",
    "ALTER TABLE t ALTER COLUMN a SET STATISTICS 77",
    // tables and objects
    "CREATE TABLE o (id int PRIMARY KEY, u_id int REFERENCES u (id), q int)",
    "CREATE UNIQUE INDEX o_q ON o (q)",
    "CREATE INDEX ON o (q)",
    "ALTER TABLE o ADD FOREIGN KEY (u_id) REFERENCES u (id)",
    "ALTER TABLE o ADD CHECK (q > 0)",
    "ALTER TABLE o ADD UNIQUE (q)",
    "CREATE TABLE p (q int REFERENCES o (q))",
    "CREATE TABLE s AS SELECT * FROM t",
    "CREATE TABLE s AS SELECT id, v FROM u",
    "CREATE TABLE s (LIKE t INCLUDING ALL)",
    "CREATE MATERIALIZED VIEW mv AS SELECT sum(v) FROM u",
    "CREATE VIEW v AS SELECT id, a FROM t",
    "CREATE VIEW v AS SELECT id, z FROM t",
    "CREATE VIEW v AS SELECT * FROM u",
    "DROP VIEW tv",
    "DROP VIEW IF EXISTS v",
    "CREATE VIEW tv AS SELECT id, v FROM u",
    "CREATE OR REPLACE VIEW tv AS SELECT id, c, k FROM t",
    "DROP TABLE w",
    "DROP TABLE l",
    "CREATE FUNCTION h(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1'",
    "CREATE OR REPLACE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 3'",
    "CREATE OR REPLACE FUNCTION total() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT sum(c) FROM t); END'",
    "DROP FUNCTION total()",
    "UPDATE u SET v = h(v)",
    "CREATE TRIGGER mark BEFORE UPDATE ON u FOR EACH ROW EXECUTE FUNCTION mark()",
    "CREATE TRIGGER marks BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION mark()",
    "DROP TRIGGER mark ON u",
    "CREATE RULE nothing AS ON DELETE TO u DO INSTEAD NOTHING",
    "CREATE SCHEMA other",
    "DROP SCHEMA IF EXISTS other",
    "CREATE TYPE kind AS (n int)",
    "DROP TYPE mood",
    "ALTER TYPE mood ADD VALUE 'odd'",
    "ALTER TABLE t ADD COLUMN mood mood DEFAULT 'sad'",
    "ALTER TABLE u ADD COLUMN kind kind",
    "GRANT SELECT (z) ON t TO PUBLIC",
    "GRANT SELECT ON tv TO PUBLIC",
    "TRUNCATE l",
    "DO $$ BEGIN UPDATE u SET v = v + 1; END $$",
};

const std::vector<std::string> kChanges = {
    // What a column is added with is what the rows have, whatever its default becomes.
    "ALTER TABLE t ADD COLUMN z int DEFAULT 5; ALTER TABLE t ALTER COLUMN z SET DEFAULT 7",
    "ALTER TABLE t ADD COLUMN z int; ALTER TABLE t ALTER COLUMN z SET DEFAULT 5",
    "ALTER TABLE t ADD COLUMN z int DEFAULT 5; ALTER TABLE t ALTER COLUMN z DROP DEFAULT",
    "ALTER TABLE t ADD COLUMN z int DEFAULT 5, ALTER COLUMN z SET DEFAULT 7",
    "ALTER TABLE t ADD COLUMN z int, ALTER COLUMN z SET DEFAULT 5",
    "ALTER TABLE t ADD COLUMN z int NOT NULL DEFAULT 5; ALTER TABLE t ALTER COLUMN z DROP DEFAULT",
    "ALTER TABLE t ADD COLUMN z int DEFAULT 5; ALTER TABLE t ALTER COLUMN z DROP DEFAULT; ALTER TABLE t ALTER COLUMN z "
    "SET NOT NULL",
    "ALTER TABLE t ADD COLUMN z int DEFAULT 5; ALTER TABLE t ALTER COLUMN z SET DEFAULT 7; ALTER TABLE t ALTER COLUMN "
    "z "
    "SET DEFAULT 8",
    "ALTER TABLE t ADD COLUMN z text DEFAULT ('c' || 'd'); ALTER TABLE t ALTER COLUMN z SET DEFAULT 'e'",
    "ALTER TABLE t ADD COLUMN z text DEFAULT ('c' || 'd'); ALTER TABLE t ALTER COLUMN z DROP DEFAULT",
    "ALTER TABLE t ADD COLUMN z text; ALTER TABLE t ALTER COLUMN z SET DEFAULT ('c' || 'd')",
    "ALTER TABLE t ADD COLUMN z int DEFAULT 5; ALTER TABLE t RENAME COLUMN z TO y; ALTER TABLE t ALTER COLUMN y SET "
    "DEFAULT 7",
    "ALTER TABLE t ADD COLUMN z real DEFAULT 0.1; ALTER TABLE t ALTER COLUMN z TYPE double precision",
    "ALTER TABLE t ADD COLUMN z int; ALTER TABLE t ALTER COLUMN z TYPE bigint USING 5",
    // What is opaque of an ALTER TABLE runs once, and without what is not.
    "ALTER TABLE u ADD COLUMN z int, ADD CONSTRAINT u_v UNIQUE (v), DISABLE TRIGGER ALL, ENABLE TRIGGER ALL",
    "ALTER TABLE l ADD COLUMN z int, ADD CONSTRAINT l_n UNIQUE (n), SET (fillfactor = 70), ALTER COLUMN n SET "
    "STATISTICS "
    "9",
    "ALTER TABLE w ADD COLUMN z int, DROP CONSTRAINT w_pkey",
    // Two statements that need the same, in the author's order.
    "DROP VIEW IF EXISTS tv; CREATE VIEW tv AS SELECT id FROM t",
    "DROP FUNCTION total(); CREATE FUNCTION total() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    "UPDATE u SET v = v + 1; CREATE TRIGGER mark BEFORE UPDATE ON u FOR EACH ROW EXECUTE FUNCTION mark()",
    "CREATE FUNCTION h(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1'; UPDATE u SET v = h(v); CREATE OR REPLACE "
    "FUNCTION h(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 2'",
    "UPDATE u SET v = v + 1; CREATE TABLE s AS SELECT * FROM u",
    "UPDATE u SET v = v + 1; CREATE MATERIALIZED VIEW mv AS SELECT sum(v) FROM u",
    "UPDATE t SET m = m + 10; CREATE TABLE s AS SELECT * FROM tv",
    "CREATE VIEW uv AS SELECT v FROM u; UPDATE u SET v = v + 1; CREATE TABLE s AS SELECT * FROM uv",
    "UPDATE u SET v = total(); UPDATE u SET v = 1; CREATE TABLE s AS SELECT total()",
    "ALTER TABLE u ADD COLUMN z int; CREATE VIEW v AS SELECT * FROM u",
    "ALTER TABLE u DROP COLUMN v; CREATE VIEW v AS SELECT * FROM u",
    "CREATE VIEW v AS SELECT id, a FROM t; ALTER TABLE t RENAME COLUMN a TO z",
    "ALTER TABLE t RENAME COLUMN a TO z; INSERT INTO l SELECT b, z FROM t",
    "ALTER TABLE t RENAME COLUMN a TO z; CREATE TABLE s AS SELECT * FROM t",
    "DELETE FROM u WHERE v < 3; ALTER TABLE u ADD CONSTRAINT u_big CHECK (v >= 3)",
    "UPDATE u SET v = id; ALTER TABLE u ADD CONSTRAINT u_v UNIQUE (v)",
    "DELETE FROM w; ALTER TABLE w ADD CONSTRAINT w_x FOREIGN KEY (x) REFERENCES u_x (id)",
    "ALTER TABLE u ADD CONSTRAINT u_big CHECK (v > 0); UPDATE u SET v = v + 1",
    "ALTER TABLE u ADD CONSTRAINT u_big CHECK (v > 0) NOT VALID; ALTER TABLE u VALIDATE CONSTRAINT u_big",
    "ALTER TABLE u ADD CONSTRAINT u_big CHECK (v > 0); COMMENT ON CONSTRAINT u_big ON u IS 'big'",
    "CREATE UNIQUE INDEX u_vi ON u (v); INSERT INTO u VALUES (70, 1, 1) ON CONFLICT (v) DO NOTHING",
    "DROP TABLE w; DELETE FROM t WHERE id = 1",
    "ALTER TABLE u DROP CONSTRAINT u_t_id_fkey; DELETE FROM t WHERE id = 4",
    "DELETE FROM t WHERE id = 4; ALTER TABLE u DROP CONSTRAINT u_t_id_fkey",
    "ALTER TABLE t DROP COLUMN a; ALTER TABLE u ADD COLUMN mood mood; DROP TYPE IF EXISTS nothing",
    "COMMENT ON COLUMN t.a IS 'new'; ALTER TABLE t RENAME COLUMN a TO z",
    "ALTER TABLE t RENAME COLUMN a TO z; COMMENT ON COLUMN t.z IS 'new'",
    "COMMENT ON INDEX t_ab IS 'new'; ALTER TABLE t RENAME COLUMN a TO z",
    // What is right however far the steps move it.
    "ALTER TABLE t RENAME COLUMN a TO z; ALTER TABLE t ALTER COLUMN z TYPE bigint; ALTER TABLE t ALTER COLUMN z SET "
    "NOT "
    "NULL; ALTER TABLE t ALTER COLUMN z SET DEFAULT 3; CREATE INDEX t_z ON t (z); ALTER TABLE t ADD CONSTRAINT t_zz "
    "CHECK "
    "(z > 0)",
    "ALTER TABLE t RENAME COLUMN a TO z; ALTER TABLE t RENAME COLUMN b TO e; ALTER TABLE t RENAME COLUMN m TO o",
    "ALTER TABLE t RENAME COLUMN a TO z; ALTER TABLE t DROP COLUMN b",
    "ALTER TABLE t RENAME COLUMN a TO z; DROP INDEX t_a_idx; ALTER TABLE t DROP CONSTRAINT t_c_ok",
    "ALTER TABLE t DROP CONSTRAINT t_c_ok; ALTER TABLE t RENAME COLUMN c TO z",
    "ALTER TABLE t ALTER COLUMN n TYPE varchar(30); ALTER TABLE t ALTER COLUMN n SET DEFAULT 'x'",
    "UPDATE u SET x = 'y'; ALTER TABLE t ADD COLUMN z int; GRANT SELECT ON tv TO PUBLIC",
    // Names are those that the server would have given.
    "ALTER TABLE u DROP CONSTRAINT u_t_id_fkey, ADD FOREIGN KEY (t_id) REFERENCES t (id)",
    "ALTER TABLE u ADD CHECK (v > 0); ALTER TABLE u ADD CHECK (v > -1); ALTER TABLE u ADD UNIQUE (v); CREATE INDEX ON "
    "u (v)",
    "ALTER TABLE t DROP CONSTRAINT t_k CASCADE; ALTER TABLE t ADD UNIQUE (k)",
    "ALTER TABLE t DROP CONSTRAINT t_c_ok, ADD CONSTRAINT t_c_ok CHECK (c > -1)",
    "DROP INDEX t_a_idx; CREATE INDEX ON t (a)",
    "ALTER INDEX t_a_idx RENAME TO other; CREATE INDEX ON t (a)",
    // What the release makes is whole at once.
    "CREATE TABLE o (id serial PRIMARY KEY, q int UNIQUE CHECK (q > 0), r int REFERENCES t); CREATE UNIQUE INDEX ON o "
    "(q); "
    "CREATE UNIQUE INDEX o_r ON o (r); ALTER TABLE o ADD UNIQUE (q); ALTER TABLE o ADD CHECK (q > 1); ALTER TABLE o "
    "ADD "
    "FOREIGN KEY (r) REFERENCES u (id); CREATE TABLE p (q int REFERENCES o (q), r int REFERENCES o (r))",
    "CREATE TABLE p (o_id int); CREATE TABLE o (id int PRIMARY KEY); ALTER TABLE p ADD FOREIGN KEY (o_id) REFERENCES o "
    "(id)",
    "CREATE UNLOGGED TABLE o (q int); CREATE INDEX ON o (q)",
    "CREATE TABLE o (q int) PARTITION BY RANGE (q); CREATE INDEX ON o (q)",
    "CREATE TABLE s AS SELECT id, v FROM u; CREATE UNIQUE INDEX ON s (id); ALTER TABLE s ADD CONSTRAINT s_u FOREIGN "
    "KEY "
    "(id) REFERENCES u (id)",
    "CREATE TABLE s (LIKE t INCLUDING ALL); CREATE INDEX ON s (a)",
};

}  // namespace compile
