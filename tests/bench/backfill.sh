# The backfill of a new column (int to bigint), the whole command `migrate`, against one UPDATE by one session without
# triggers, which is the limit in place, and against what a tool does that goes along the primary key: batches of 1,000
# rows that are locked, updated to themselves and filled by an unguarded trigger, a column that says which are pending.
by_key_sql="
ALTER TABLE measured ADD COLUMN total bigint, ADD COLUMN pending boolean DEFAULT true;
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
  IF current_setting('search_path') <> 'of_the_new_version' THEN NEW.total := NEW.amount; NEW.pending := false; END IF;
  RETURN NEW; END \$\$;
CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON measured FOR EACH ROW EXECUTE FUNCTION fill();
CREATE PROCEDURE by_key() LANGUAGE plpgsql AS \$\$ DECLARE last bigint := 0; upto bigint; BEGIN
  LOOP
    WITH batch AS (SELECT id FROM measured WHERE pending AND id > last ORDER BY id LIMIT 1000 FOR NO KEY UPDATE),
         done AS (UPDATE measured AS m SET id = m.id FROM batch WHERE m.id = batch.id RETURNING m.id)
      SELECT max(id) INTO upto FROM done;
    EXIT WHEN upto IS NULL;
    last := upto;
    COMMIT;
  END LOOP; END \$\$;"

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
measure_by_key() {
  fresh
  psql -X -q -c "$by_key_sql"
  timed psql -X -q -c 'CALL by_key()'
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
    measure_by_key 'batches by primary key'
    say "backfill: round $round of $rounds done"
  done
  printf '\nbackfill: %d rows, 10 columns, 3 indexes; milliseconds\n' "$rows"
  figures_of backfill 'one UPDATE' 'migrate, two workers=1.0' 'migrate, one worker=1.3' 'batches by primary key='
  local faster
  faster=$(ratio "$(of 'batches by primary key')" "$(of 'migrate, two workers')")
  echo "times faster than batches by primary key: $faster (goal 5)"
  figures+=("\"times_faster_than_batches_by_primary_key\": $faster")
}
measure_backfill
