# The longest ACCESS EXCLUSIVE hold of a release, and how long each way back of schema steps takes, at two sizes of the
# table.

# hold_ms: the longest hold of an ACCESS EXCLUSIVE lock that the journal recorded
hold_ms() {
  grep -o '{[^{}]*"mode":"ACCESS EXCLUSIVE"[^{}]*}' ".switchback/default/$release/journal.jsonl" |
    sed -n 's/.*"hold_ms":\([0-9.]*\).*/\1/p' | sort -g | tail -n 1
}
# forth_and_back ROWS: to the end of contract, and back phase by phase
forth_and_back() {
  fresh
  quietly switchback init
  quietly switchback plan "$release"
  quietly switchback run "$release" --until contract
  local phase to
  for phase in contract switch migrate expand; do
    case $phase in contract) to=switch ;; switch) to=migrate ;; migrate) to=expand ;; expand) to=start ;; esac
    timed switchback rollback "$release" --to "$to"
    record "undo of $phase, $1 rows" "$took"
  done
  record "longest exclusive hold, ways back included, $1 rows" "$(hold_ms)"
}

measure_ways_back() {
  local size phase round
  for size in 100000 $((rows * 2)); do
    make_start "$size"
    write_release 'ALTER TABLE measured ALTER COLUMN amount TYPE bigint;'
    for ((round = 1; round <= rounds; ++round)); do forth_and_back "$size"; done
    say "ways_back: $size rows done"
  done
  printf '\nways back; milliseconds of the whole command `rollback --to ...` (goal under 500, and equal at both sizes)\n'
  for phase in expand migrate switch contract; do
    figures_of "undo of $phase" "undo of $phase, 100000 rows" "undo of $phase, $((rows * 2)) rows="
  done
  for size in 100000 $((rows * 2)); do
    local hold="longest exclusive hold, ways back included, $size rows"
    echo "$hold: $(of "$hold") ms (goal 50)"
    figures+=("\"$hold\": $(of "$hold")")
  done
}
measure_ways_back
