# Whether the backfill grows with the table as one UPDATE does.
type measure_migrate >/dev/null 2>&1 || . <(sed '/^measure_backfill$/d' bench/backfill.sh)

measure_growth() {
  local size round
  write_release "$wider"
  for size in $((rows / 5)) $((rows * 2)); do
    make_start "$size"
    for ((round = 1; round <= rounds; ++round)); do
      measure_update "UPDATE of $size rows"
      measure_migrate "migrate of $size rows" 2
      say "growth: $size rows, round $round of $rounds done"
    done
  done
  local small=$((rows / 5)) large=$((rows * 2))
  local update migrate
  update=$(ratio "$(of "UPDATE of $large rows")" "$(of "UPDATE of $small rows")")
  migrate=$(ratio "$(of "migrate of $large rows")" "$(of "migrate of $small rows")")
  printf '\ngrowth from %d to %d rows: one UPDATE %s times, migrate %s times (goal: at most 5 %% more: %s)\n' "$small" "$large" \
    "$update" "$migrate" "$(ratio "$migrate" "$update")"
  figures+=("\"growth\": {\"update\": $update, \"migrate\": $migrate, \"ratio\": $(ratio "$migrate" "$update"), \"goal\": 1.05}")
}
measure_growth
