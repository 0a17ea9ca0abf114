# What a salvage carries over a second, and the memory that it takes: of writes as pgbench makes them, many small
# transactions on its four tables (one of them without a key), and of one transaction of a million rows. A second of a
# salvage has all in it: reading the slot, staging, merging, writing, sequences and foreign keys; not the restore before.

write_small() { write_transfers $((rows / 10)); }
write_large() { timed psql -X -q -c 'UPDATE pgbench_accounts SET abalance = abalance + 1'; }

# with_peak COMMAND...: as timed, and in $peak the most memory that its process had resident, MiB
with_peak() {
  local begin process now
  begin=$(date +%s%N) peak=0
  "$@" >result.json 2>command.log &
  process=$!
  while kill -0 $process 2>/dev/null; do
    now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$process/status" 2>/dev/null) || true
    [ -z "$now" ] || peak=$((now / 1024))
    sleep 0.05
  done
  wait $process || { say "failed: $*"; cat command.log >&2; exit 1; }
  took=$((($(date +%s%N) - begin) / 1000000))
}

# of_salvage KEY: a number out of what the journal has of the last one
of_salvage() {
  grep '"kind":"salvaged"' ".switchback/default/$release/journal.jsonl" | tail -n 1 | sed -n 's/.*"'"$1"'":\([0-9][0-9]*\).*/\1/p'
}
a_second() { echo $(($1 * 1000 / $2)); }

# measure_load LOAD NAME BEGIN...: a checkpoint and more by BEGIN, the writes, a restore with salvage
measure_load() {
  local load=$1 name=$2 round written changes
  shift 2
  for ((round = 1; round <= rounds; ++round)); do
    fresh
    "$@"
    "$load"
    written=$took
    with_peak switchback restore "$release" --salvage --json
    changes=$(of_salvage changes)
    [ "$(of_salvage in_conflict) $(of_salvage skipped)" = '0 0' ] || { say "not all was carried over"; exit 1; }
    record "$name: written" "$(a_second "$changes" "$written")"
    record "$name: salvaged" "$(a_second "$changes" "$(of_salvage took_ms)")"
    record "$name: with the restore" "$(a_second "$changes" "$took")"
    record "$name: memory" "$peak"
    drop_restored result.json
    say "salvage: $name, round $round of $rounds done, $changes changes"
  done
}

begin_migrated() {
  begin_release
  quietly switchback migrate "$release"
}

measure_salvage() {
  local name
  make_pgbench_start
  write_release 'ALTER TABLE pgbench_accounts ALTER COLUMN abalance TYPE bigint;'
  measure_load write_small 'small transactions' begin_checkpoint
  measure_load write_small 'the same after a backfill' begin_migrated
  measure_load write_large 'one transaction' begin_checkpoint
  printf '\nsalvage; row changes a second (goal: 30000, at the least 15000)\n'
  for name in 'small transactions' 'the same after a backfill' 'one transaction'; do
    figures_of "salvage, $name" "$name: written" "$name: salvaged=30000" "$name: with the restore="
  done
  printf '\nmost memory that switchback had resident in restore --salvage, MiB (goal: at most 256)\n'
  for name in 'small transactions' 'the same after a backfill' 'one transaction'; do
    printf '%-46s %10s\n' "$name" "$(of "$name: memory")"
    figures+=("\"salvage, $name, memory\": $(of "$name: memory")")
  done
}
measure_salvage
