# The backfill of a new column (int to bigint), the whole command `migrate`, against one UPDATE by one session without
# triggers, which is the limit in place, and against what a tool does that goes along the primary key: batches of 1,000
# rows, each a statement of the client's, that are locked, updated to themselves and filled by the unguarded triggers.
by_key_sql='WITH batch AS (SELECT id FROM measured WHERE pending AND id > :last ORDER BY id LIMIT 1000 FOR NO KEY UPDATE),
  done AS (UPDATE measured AS m SET id = m.id FROM batch WHERE m.id = batch.id RETURNING m.id)
  SELECT coalesce(max(id), :last) AS last FROM done \gset'

all_filled() {
  [ "$(ask bench 'SELECT count(*) FROM measured WHERE total IS DISTINCT FROM amount')" = 0 ] || { say "rows are not filled"; exit 1; }
}
measure_update() {
  fresh
  ask bench 'ALTER TABLE measured ADD COLUMN total bigint'
  timed psql -X -q -c 'UPDATE measured SET total = amount'
  record "$1" "$took"
}
measure_migrate() {
  fresh
  throttle "workers: $2"
  begin_release
  ask bench 'CHECKPOINT'
  timed switchback migrate "$release"
  record "$1" "$took"
  all_filled
}
# The limit of one session: nothing but committed batches. Where old rows are dead before the table is done, the server
# cleans the indexes as it goes, which costs time and leaves them smaller.
by_blocks_sql='CREATE PROCEDURE by_blocks() LANGUAGE plpgsql AS $$
  DECLARE next int := 0; blocks int := pg_relation_size($t$measured$t$) / 8192; BEGIN
  WHILE next < blocks LOOP
    EXECUTE format($t$UPDATE measured SET total = amount WHERE ctid >= %L AND ctid < %L AND total IS NULL$t$,
      format($t$(%s,0)$t$, next), format($t$(%s,0)$t$, next + 256));
    next := next + 256;
    COMMIT;
  END LOOP; END $$'
measure_by_blocks() {
  fresh
  psql -X -q -c 'ALTER TABLE measured ADD COLUMN total bigint' -c "$by_blocks_sql" -c CHECKPOINT
  timed psql -X -q -c 'SET synchronous_commit = off' -c 'CALL by_blocks()'
  record "$1" "$took"
  all_filled
}
measure_by_key() {
  fresh
  psql -X -q -c "$unguarded_sql"
  echo "$by_key_sql" >by_key.sql
  timed pgbench -n -c 1 -t $((rows / 1000 + 1)) -D last=0 -f by_key.sql
  record "$1" "$took"
  all_filled
}

measure_backfill() {
  make_start "$rows"
  write_release "$wider"
  local round
  for ((round = 1; round <= rounds; ++round)); do
    measure_update 'one UPDATE'
    measure_migrate 'migrate, two workers' 2
    measure_migrate 'migrate, one worker' 1
    measure_by_blocks 'bare batches of one session'
    measure_by_key 'batches by primary key'
    say "backfill: round $round of $rounds done"
  done
  printf '\nbackfill: %d rows, 10 columns, 3 indexes; milliseconds\n' "$rows"
  figures_of backfill 'one UPDATE' 'migrate, two workers=1.0' 'migrate, one worker=1.3' 'bare batches of one session=' \
    'batches by primary key='
  local faster
  faster=$(ratio "$(of 'batches by primary key')" "$(of 'migrate, two workers')")
  echo "times faster than batches by primary key: $faster (goal 5)"
  figures+=("\"times_faster_than_batches_by_primary_key\": $faster")
}
measure_backfill
