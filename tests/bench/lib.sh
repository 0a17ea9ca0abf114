# Sourced by run: the server, the measured table, clocks and tables of figures.
export PGHOST=$HOME PGDATABASE=bench PGOPTIONS='-c client_min_messages=warning'
release=20260101-wider

say() { echo "bench: $*" >&2; }
ask() { psql -X -qAt -d "$1" -c "$2"; }
# quietly COMMAND...: its output only where it fails
quietly() { "$@" >command.log 2>&1 || { say "failed: $*"; cat command.log >&2; exit 1; }; }

stop_server() { pg_ctl -D server -m immediate stop >/dev/null 2>&1 || true; }
start_server() {
  quietly initdb -D server -A trust
  cat >>server/postgresql.conf <<CONF
listen_addresses = ''
unix_socket_directories = '$HOME'
max_wal_size = 4GB
shared_buffers = 256MB
checkpoint_timeout = 1h
autovacuum = off
CONF
  quietly pg_ctl -D server -l server.log -w start
  quietly createdb bench
  quietly switchback init --apply
  cp switchback.yaml first.yaml
  quietly pg_ctl -D server -l server.log -w restart
}

# write_release SQL: the release that is measured
write_release() {
  mkdir -p "releases/$release"
  echo "$1" >"releases/$release/change.sql"
  printf 'version: 1\ntitle: wider\nowner: bench\nrollback_window: 1h\nchange: change.sql\n' >"releases/$release/release.yaml"
}
wider='ALTER TABLE measured RENAME COLUMN amount TO total; ALTER TABLE measured ALTER COLUMN total TYPE bigint;'

# The new column with triggers that run for every row and tell the applications apart by their search path.
unguarded_sql="
ALTER TABLE measured ADD COLUMN total bigint, ADD COLUMN pending boolean DEFAULT true;
CREATE FUNCTION up() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
  IF current_setting('search_path') <> 'of_the_new_version' THEN NEW.total := NEW.amount; NEW.pending := false; END IF;
  RETURN NEW; END \$\$;
CREATE FUNCTION down() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
  IF current_setting('search_path') = 'of_the_new_version' THEN NEW.amount := NEW.total; NEW.pending := false; END IF;
  RETURN NEW; END \$\$;
CREATE TRIGGER up BEFORE INSERT OR UPDATE ON measured FOR EACH ROW EXECUTE FUNCTION up();
CREATE TRIGGER down BEFORE INSERT OR UPDATE ON measured FOR EACH ROW EXECUTE FUNCTION down();"

# throttle KEYS: the section `throttle` of switchback.yaml
throttle() { { cat first.yaml; echo "throttle: {$1}"; } >switchback.yaml; }
unthrottled='replica_lag_bytes: off, replica_lag: off, archive_backlog: off, slot_room: off, lock_waiters: off, oldest_transaction: off, free_disk: off, table_growth: off'

# make_start ROWS: database `start`, 10 columns and 3 indexes, of which `fresh` makes copies
make_start() {
  [ "${start_rows:-}" = "$1" ] && return
  dropdb --if-exists start
  createdb start
  psql -X -q -d start >/dev/null <<SQL
CREATE TABLE measured (id bigint, account int, amount int, kind int, note text, made timestamptz, changed timestamptz,
  flag boolean, code text, rest text);
INSERT INTO measured SELECT g, g % 10000, g, g % 7, 'note ' || g, now(), now(), g % 2 = 0, md5(g::text), repeat('x', 40)
  FROM generate_series(1, $1) AS g;
ALTER TABLE measured ADD PRIMARY KEY (id);
CREATE INDEX ON measured (account);
CREATE INDEX ON measured (code);
VACUUM ANALYZE measured;
SQL
  start_rows=$1
}
# fresh: database `bench` as a copy of `start`, and nothing left of an earlier release
fresh() {
  ask postgres 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots' >/dev/null
  rm -rf .switchback/default "releases/$release/plan.lock.json"
  dropdb --if-exists bench
  createdb -T start --strategy file_copy bench
  ask bench 'CHECKPOINT'
}
# begin_checkpoint: planned, checkpointed
begin_checkpoint() {
  quietly switchback init
  quietly switchback plan "$release"
  quietly switchback checkpoint "$release"
}
# begin_release: planned, checkpointed, expanded
begin_release() {
  begin_checkpoint
  quietly switchback expand "$release"
}
# of_checkpoint KEY: out of checkpoint.json
of_checkpoint() { sed -n 's/.*"'"$1"'": *"\([^"]*\)".*/\1/p' ".switchback/default/$release/checkpoint.json" | head -n 1; }
# step_ms STEP: the duration that the journal has of the step's last run
step_ms() {
  sed -n 's/.*"duration_ms":\([0-9]*\).*"step":"'"$1"'".*/\1/p' ".switchback/default/$release/journal.jsonl" | tail -n 1
}

# timed COMMAND...: milliseconds in $took
timed() {
  local begin
  begin=$(date +%s%N)
  quietly "$@"
  took=$((($(date +%s%N) - begin) / 1000000))
}
# record NAME MS: one more measurement of it
declare -A measured=()
record() { measured[$1]="${measured[$1]:-} $2"; }
median() { printf '%s\n' $1 | sort -g | sed -n "$((($(wc -w <<<"$1") + 1) / 2))p"; }
of() { median "${measured[$1]}"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

accounts=1000000
# make_pgbench_start: database `start`, and pgbench's own transaction as one message
make_pgbench_start() {
  start_rows=
  dropdb --if-exists start
  createdb start
  quietly pgbench -q -i -s $((accounts / 100000)) -d start
  cat >transfer.sql <<SQL
\\set account random(1, $accounts)
\\set teller random(1, $((accounts / 10000)))
\\set branch random(1, $((accounts / 100000)))
\\set amount random(-5000, 5000)
BEGIN\\;
UPDATE pgbench_accounts SET abalance = abalance + :amount WHERE aid = :account\\;
UPDATE pgbench_tellers SET tbalance = tbalance + :amount WHERE tid = :teller\\;
UPDATE pgbench_branches SET bbalance = bbalance + :amount WHERE bid = :branch\\;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:teller, :branch, :account, :amount, now())\\;
END;
SQL
}

# write_transfers TRANSACTIONS: by two clients
write_transfers() {
  PGOPTIONS='-c synchronous_commit=off' timed pgbench -n -c 2 -j 2 -t $(($1 / 2)) -f transfer.sql bench
}

# drop_restored FILE: the server that `restore --json` told of in FILE
drop_restored() {
  local directory
  directory=$(grep -o '"directory":[ ]*"[^"]*' "$1" | sed 's/.*"//')
  quietly pg_ctl -D "$directory/data" -m immediate stop
  rm -rf "$directory"
}

# figures_of PART BASELINE GOALS... : a table of NAME=GOAL, each against the baseline, and the same for the JSON
figures_of() {
  local part=$1 baseline=$2 entry name goal json
  shift 2
  printf '%-46s %10s %7s %6s  %s\n' "" median ratio goal "each round"
  printf '%-46s %10s %7s %6s  %s\n' "$baseline" "$(of "$baseline")" 1.00 "" "${measured[$baseline]}"
  json="\"$baseline\": {\"median\": $(of "$baseline")}"
  for entry in "$@"; do
    name=${entry%=*} goal=${entry##*=}
    printf '%-46s %10s %7s %6s  %s\n' "$name" "$(of "$name")" "$(ratio "$(of "$name")" "$(of "$baseline")")" "$goal" "${measured[$name]}"
    json+=", \"$name\": {\"median\": $(of "$name"), \"ratio\": $(ratio "$(of "$name")" "$(of "$baseline")"), \"goal\": ${goal:-null}}"
  done
  figures+=("\"$part\": {$json}")
}
