# The loss account: what a restore would leave behind, as `restore --dry-run` and each gate tell it, of writes as pgbench
# makes them. From the slot, where all of it is yet to be read and where it was read before; and, once the slot is gone,
# from the log in the archive, of which a gate reads no more than its first 8 segments. Against pg_waldump alone over the
# same part of the log. A time is that of the whole command.

gate_segments=8
segment_bytes=$((16 << 20))

dry_run() { switchback restore "$release" --dry-run --json; }
gate() { switchback gate "$release" --for expand --json || [ $? = 11 ]; }  # a lost slot is a no-go
bare() { pg_waldump -p server/pg_wal -s "$1" -e "$2" >/dev/null; }

# await_archived: all that was written
await_archived() {
  local segment
  segment=$(ask bench 'SELECT pg_walfile_name(pg_switch_wal())')
  until [[ ! $(ask bench 'SELECT last_archived_wal FROM pg_stat_archiver') < $segment ]]; do sleep 0.1; done
}
lsn() { ask bench "SELECT '0/0'::pg_lsn + $1"; }
bytes_at() { ask bench "SELECT '$1'::pg_lsn - '0/0'"; }
mebibytes() { awk -v from="$(bytes_at "$1")" -v to="$(bytes_at "$2")" 'BEGIN { printf "%.1f", (to - from) / 1048576 }'; }

# said_by COMMAND: how many transactions it counted
said_by() {
  case $1 in
    dry_run) grep -o '"applications": *[0-9]*' command.log ;;
    gate) grep '"kind":"verdict"' ".switchback/default/$release/journal.jsonl" | tail -n 1 | grep -o '"transactions": *[0-9]*' ;;
  esac | tr -dc 0-9
}
# count COMMAND NAME TRANSACTIONS: a measurement; it must have counted them all, or, of a part of the log, most
count() {
  local counted
  timed "$1"
  record "$2" "$took"
  counted=$(said_by "$1")
  [ "${counted:-0}" -gt 0 ] && [ "$counted" -le "$3" ] || { say "$2: counted $counted of $3"; exit 1; }
  [ "$1" = gate ] || [ "$counted" = "$3" ] || { say "$2: counted $counted of $3"; exit 1; }
}

# measure_account COMMAND NAME TRANSACTIONS
measure_account() {
  local command=$1 name=$2 transactions=$3 round from to end
  for ((round = 1; round <= rounds; ++round)); do
    fresh
    begin_checkpoint
    write_transfers "$transactions"
    await_archived
    count "$command" "$name, slot unread" "$transactions"
    count "$command" "$name, slot read before" "$transactions"
    ask bench 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots' >/dev/null
    from=$(of_checkpoint scan_from)
    to=$(ask bench 'SELECT pg_current_wal_flush_lsn()')
    end=$(lsn $((($(bytes_at "$from") / segment_bytes + gate_segments) * segment_bytes)))
    [ "$command" = gate ] && [ "$(bytes_at "$end")" -lt "$(bytes_at "$to")" ] && to=$end
    timed bare "$from" "$to"
    record "$name: pg_waldump alone" "$took"
    count "$command" "$name, archive" "$transactions"
    record "$name: MiB" "$(mebibytes "$from" "$to")"
    say "loss: $name, round $round of $rounds done"
  done
}

measure_loss() {
  local transactions command name
  make_pgbench_start
  write_release 'ALTER TABLE pgbench_accounts ALTER COLUMN abalance TYPE bigint;'
  printf '\nloss account; milliseconds of the whole command (goal: 1000)\n'
  for transactions in $((rows / 100)) $((rows / 20)); do
    for command in dry_run gate; do
      name="$command $transactions"
      measure_account "$command" "$name" "$transactions"
      figures_of "loss, $name" "$name: pg_waldump alone" "$name, archive=1000" "$name, slot unread=1000" \
        "$name, slot read before=1000"
      printf '%-46s %10s\n' 'MiB of log that the archive was read for' "$(of "$name: MiB")"
      figures+=("\"loss, $name, MiB\": $(of "$name: MiB")")
    done
  done
}
measure_loss
