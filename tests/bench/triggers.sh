# What the sync triggers cost the applications' writes, against a table without triggers and against unguarded ones that
# run for every row, once all rows are filled. The worst case, a narrow unlogged table without further indexes, is reported beside it.
writes=('UPDATE of the column|UPDATE measured SET amount = amount + 1|1.25'
  'UPDATE of another column|UPDATE measured SET kind = kind + 1|1.05'
  'INSERT|INSERT INTO measured (id, account, amount, kind, note, made, changed, flag, code, rest) SELECT id + 100000000, account, amount, kind, note, made, changed, flag, code, rest FROM measured|1.35')
narrow_writes=('UPDATE of the column|UPDATE measured SET amount = amount + 1|'
  'INSERT|INSERT INTO measured (id, amount) SELECT id + 100000000, amount FROM measured|')

set_up_none() { psql -X -q -c 'ALTER TABLE measured ADD COLUMN total bigint; UPDATE measured SET total = amount'; }
set_up_unguarded() { psql -X -q -c "$unguarded_sql UPDATE measured SET total = amount"; }
set_up_guarded() {
  begin_release
  quietly switchback migrate "$release"
}

# measure_writes MARK LIST...: each write under each kind of trigger
measure_writes() {
  local mark=$1 round write kind name sql
  shift
  for ((round = 1; round <= rounds; ++round)); do
    for write in "$@"; do
      IFS='|' read -r name sql _ <<<"$write"
      for kind in none guarded unguarded; do
        fresh
        "set_up_$kind"
        psql -X -q -c 'VACUUM (FULL, ANALYZE) measured' -c CHECKPOINT
        timed psql -X -q -c "$sql"
        record "$mark$name, $kind" "$took"
      done
    done
    say "triggers: ${mark}round $round of $rounds done"
  done
  for write in "$@"; do
    IFS='|' read -r name sql goal <<<"$write"
    figures_of "triggers: $mark$name" "$mark$name, none" "$mark$name, guarded=$goal" "$mark$name, unguarded="
  done
}

measure_triggers() {
  write_release "$wider"
  local size=$((rows / 4))
  make_start "$size"
  printf '\ntriggers: %d rows, 10 columns, 3 indexes, logged; milliseconds\n' "$size"
  measure_writes '' "${writes[@]}"
  ask start 'CREATE UNLOGGED TABLE narrow AS SELECT id, amount FROM measured; DROP TABLE measured; ALTER TABLE narrow RENAME TO measured; ALTER TABLE measured ADD PRIMARY KEY (id)'
  ask start 'VACUUM ANALYZE measured'
  printf '\ntriggers, the worst case: %d rows, 2 columns, unlogged; milliseconds\n' "$size"
  measure_writes 'narrow: ' "${narrow_writes[@]}"
  start_rows=
}
measure_triggers
