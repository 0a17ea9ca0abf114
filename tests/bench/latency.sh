# What applications notice of a whole release: pgbench at 70 % of its full rate, while plan, checkpoint, expand and migrate
# go on beside it. p99 of all transactions of that time, against the same rate with nothing else going on.
scale=20

# p99 FILE...: and the mean, in milliseconds, of pgbench's logs
p99() { awk '{ print $3 }' "$@" | sort -n | awk '{ all[NR] = $1; sum += $1 } END { printf "%.2f %.2f", all[int(NR * 0.99)] / 1000, sum / NR / 1000 }'; }

# under_load NAME COMMAND...: pgbench at $rate beside the command
under_load() {
  local name=$1 load result
  shift
  rm -f pgbench_log.*
  pgbench -n -c 4 -j 1 -M simple -R "$rate" -T 100000 --log --log-prefix=pgbench_log --failures-detailed bench >pgbench.out 2>&1 &
  load=$!
  sleep 3
  "$@"
  kill -INT "$load"
  wait "$load" || true
  if grep -qiE 'aborted|error' pgbench.out; then
    say "pgbench: $(grep -iE 'aborted|error' pgbench.out | head -n 3)"
    failed=$((failed + 1))
  fi
  result=$(p99 pgbench_log.*)
  record "$name, p99" "${result% *}"
  record "$name, mean" "${result#* }"
}
a_release() {
  throttle "$1"
  begin_release
  quietly switchback migrate "$release"
}
throttled='workers: 1, every: 200ms, latency: 3ms, latency_query: select count(*) from public.pgbench_tellers'

measure_latency() {
  local round full
  failed=0
  dropdb --if-exists start
  createdb start
  quietly pgbench -i -s "$scale" start
  psql -X -q -d start -c 'VACUUM ANALYZE' -c CHECKPOINT
  start_rows=
  write_release 'ALTER TABLE pgbench_accounts RENAME COLUMN abalance TO balance; ALTER TABLE pgbench_accounts ALTER COLUMN balance TYPE bigint;'
  fresh
  full=$(pgbench -n -c 4 -j 1 -T 10 bench | sed -n 's/^tps = \([0-9]*\).*/\1/p')
  rate=$((full * 7 / 10))
  for ((round = 1; round <= rounds; ++round)); do
    fresh
    under_load 'nothing else' sleep 20
    fresh
    under_load 'release, with throttle' a_release "$throttled"
    fresh
    under_load 'release, without throttle' a_release "$unthrottled"
    say "latency: round $round of $rounds done"
  done
  printf '\nlatency: pgbench -s %d, 4 clients, %d transactions a second (70 %% of %d); milliseconds\n' "$scale" "$rate" "$full"
  figures_of 'latency p99' 'nothing else, p99' 'release, with throttle, p99=1.3' 'release, without throttle, p99='
  figures_of 'latency mean' 'nothing else, mean' 'release, with throttle, mean=' 'release, without throttle, mean='
  echo "loads with a failed transaction: $failed (goal 0)"
  figures+=("\"loads_with_failed_transactions\": $failed")
}
measure_latency
