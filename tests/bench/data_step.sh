# A change of rows with images, against the bare statement, and its undo against the change, at two sizes of the table.

measure_data_step() {
  local size round change="UPDATE measured SET note = upper(note);"
  for size in $((rows / 10)) "$rows"; do
    make_start "$size"
    write_release "$change"
    for ((round = 1; round <= rounds; ++round)); do
      fresh
      timed psql -X -q -d bench -c "$change"
      record "the statement alone, $size rows" "$took"
      fresh
      begin_release
      timed switchback migrate "$release"
      record "forward, $size rows" "$took"
      timed switchback rollback "$release" --to start
      record "its undo, $size rows" "$took"
    done
    say "data_step: $size rows done"
  done
  printf '\nUPDATE of all rows with images, and its undo; milliseconds of the whole command (goal: undo within 1.5 times)\n'
  for size in $((rows / 10)) "$rows"; do
    figures_of "data step, $size rows" "forward, $size rows" "its undo, $size rows=1.5" "the statement alone, $size rows="
  done
}
measure_data_step
