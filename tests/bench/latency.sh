# What applications notice of a whole release: pgbench at 70 % of its full rate, while checkpoint, expand, migrate, switch
# and contract go on beside it. p99 of all transactions of that time, against the same rate with nothing else going on,
# and by command, to see where it comes from. A transaction's latency counts from when it was due.
scale=10
release_commands=(checkpoint expand migrate switch contract)

# p99_and_mean FROM TO: of pgbench's transactions that ended between these moments (seconds), in milliseconds
p99_and_mean() {
  cat pgbench_log.* | awk -v from="$1" -v to="$2" '{ at = $5 + $6 / 1e6; if (at >= from && at < to) print $3 }' | sort -n |
    awk '{ all[NR] = $1; sum += $1 } END { printf "%.2f %.2f", all[int(NR * 0.99) + 1] / 1000, sum / NR / 1000 }'
}
moment() { date +%s.%N; }
# record_since NAME MOMENT
record_since() {
  local both
  both=$(p99_and_mean "$2" "$(moment)")
  record "$1, p99" "${both% *}"
  record "$1, mean" "${both#* }"
}

# under_load NAME COMMAND...: pgbench at $rate beside the command, begun early enough to have warmed up
under_load() {
  local name=$1 load begin
  shift
  sync
  rm -f pgbench_log.*
  pgbench -n -c 4 -j 1 -M simple -R "$rate" -T 100000 --log --log-prefix=pgbench_log --failures-detailed bench >pgbench.out 2>&1 &
  load=$!
  sleep 10
  begin=$(moment)
  "$@" "$name"
  record_since "$name" "$begin"
  kill "$load"
  wait "$load" || true
  if grep -qiE 'aborted|error' pgbench.out; then
    say "pgbench: $(grep -iE 'aborted|error' pgbench.out | head -n 3)"
    failed=$((failed + 1))
  fi
}
nothing() { sleep 90; }
a_release() {
  local command begin
  for command in "${release_commands[@]}"; do
    begin=$(moment)
    quietly switchback "$command" "$release"
    record_since "$1, $command" "$begin"
  done
}
# release_under_load NAME THROTTLE [BACKUP_RATE]
release_under_load() {
  fresh
  rm -rf .switchback/backups/*/backups/*  # so that each takes one
  throttle "$2"
  [ -z "${3:-}" ] || sed -i "s/^backup:.*/&\n  max_rate: $3/" switchback.yaml
  quietly switchback init
  quietly switchback plan "$release"
  under_load "$1" a_release
}
# What a person would set who puts the applications first.
throttled='workers: 1, batch: 20ms, share: 0.1, every: 200ms, latency: 10ms, latency_query: select abalance from public.pgbench_accounts where aid = 4711'

measure_latency() {
  local round full kind command
  failed=0
  dropdb --if-exists start
  createdb start
  quietly pgbench -i -s "$scale" start
  psql -X -q -d start -c 'VACUUM ANALYZE' -c CHECKPOINT
  start_rows=
  write_release 'ALTER TABLE pgbench_accounts ALTER COLUMN abalance TYPE bigint;'
  fresh
  quietly pgbench -n -c 4 -j 1 -T 10 bench
  measured['full rate']=
  for ((round = 1; round <= 5; ++round)); do  # a disk that is shared gives one rate now and another a minute later
    record 'full rate' "$(pgbench -n -c 4 -j 1 -T 15 bench | sed -n 's/^tps = \([0-9]*\).*/\1/p')"
  done
  full=$(of 'full rate')
  rate=$((full * 7 / 10))
  for ((round = 1; round <= rounds; ++round)); do
    fresh
    under_load 'nothing else' nothing
    release_under_load 'with throttle' "$throttled" 16MB
    release_under_load 'without throttle' "$unthrottled"
    say "latency: round $round of $rounds done"
  done
  printf '\nlatency: pgbench -s %d, 4 clients, %d transactions a second (70 %% of %d, the median of%s); milliseconds\n' "$scale" "$rate" "$full" "${measured['full rate']}"
  for kind in p99 mean; do
    local entries=()
    for name in 'with throttle' 'without throttle'; do
      entries+=("$name, $kind=$([ "$name, $kind" != 'with throttle, p99' ] || echo 1.3)")
      for command in "${release_commands[@]}"; do entries+=("$name, $command, $kind="); done
    done
    figures_of "latency $kind" "nothing else, $kind" "${entries[@]}"
  done
  echo "loads with a failed transaction: $failed (goal 0)"
  figures+=("\"loads_with_failed_transactions\": $failed")
}
measure_latency
