# The restore of a checkpoint through a driver, against the same by the tool's own commands, until the server left recovery.

tool_server=$HOME/server

# begin_with TOOL KEYS ARCHIVE_COMMAND: a checkpoint of the release, with the tool as its backup provider
begin_with() {
  { sed '/^backup:/,/^$/d' first.yaml; echo "backup: {provider: $1, restored: $HOME/restored, $2}"; } >switchback.yaml
  ask postgres "ALTER SYSTEM SET archive_command = '$3'"
  ask postgres 'SELECT pg_reload_conf()' >/dev/null
  fresh
  quietly switchback init --apply
  quietly switchback plan "$release"
  quietly switchback checkpoint "$release"
}
# finish DIR: starts the server in DIR as the driver does, and waits until it left recovery
finish() {
  printf "listen_addresses = ''\nunix_socket_directories = '%s'\nport = 5444\narchive_mode = off\nhot_standby = off\n" "$HOME" \
    >>"$1/postgresql.conf"
  pg_ctl -D "$1" -l own.log -w start || return 1
  until [ "$(psql -X -qAt -p 5444 -d postgres -c 'SELECT pg_is_in_recovery()')" = f ]; do
    pg_ctl -D "$1" status || return 1
    sleep 0.01
  done
}

own_pgbackrest() {
  pgbackrest --config="$HOME/pgbackrest.conf" --stanza=bench --set="$(of_checkpoint backup)" --pg1-path="$HOME/own" --type=name \
    --target="$(of_checkpoint restore_point)" --target-timeline=1 --target-action=promote --archive-mode=off restore &&
    finish own
}
own_barman() {
  barman --config barman.conf recover --target-name "$(of_checkpoint restore_point)" --target-tli 1 --target-action promote bench \
    "$(of_checkpoint backup)" "$HOME/own" &&
    finish own
}

measure_tool() {
  local round took_by_driver
  for ((round = 1; round <= rounds; ++round)); do
    timed "own_$1"
    record "$1: its own commands" "$took"
    quietly pg_ctl -D own -m immediate stop
    rm -rf own
    switchback restore "$release" --json >restored.json 2>command.log || { cat command.log >&2; exit 1; }
    took_by_driver=$(($(grep -o '"copy_ms":[ 0-9]*' restored.json | tr -dc 0-9) + $(grep -o '"recover_ms":[ 0-9]*' restored.json | tr -dc 0-9)))
    record "$1: switchback restore" "$took_by_driver"
    drop_restored restored.json
    say "restore: $1, round $round of $rounds done"
  done
}

measure_restore() {
  make_start "$rows"
  write_release "$wider"
  cat >pgbackrest.conf <<CONF
[global]
repo1-path=$HOME/pgbackrest
repo1-retention-full=4
lock-path=$HOME/lock
spool-path=$HOME/spool
log-level-file=off
log-level-console=off
[bench]
pg1-path=$tool_server
pg1-socket-path=$HOME
CONF
  quietly pgbackrest --config="$HOME/pgbackrest.conf" --stanza=bench stanza-create
  begin_with pgbackrest "stanza: bench, config: $HOME/pgbackrest.conf" \
    "pgbackrest --config=$HOME/pgbackrest.conf --stanza=bench archive-push %p"
  measure_tool pgbackrest
  cat >barman.conf <<CONF
[barman]
barman_user = $(id -un)
barman_home = $HOME/barman
log_file = $HOME/barman.log
path_prefix = /usr/lib/postgresql/15/bin
[bench]
description = bench
conninfo = host=$HOME dbname=postgres
streaming_conninfo = host=$HOME dbname=postgres
backup_method = postgres
archiver = on
CONF
  barman --config barman.conf check bench >/dev/null 2>&1 || true  # makes its folders
  begin_with barman "server: bench, config: $HOME/barman.conf" "rsync -a %p $HOME/barman/bench/incoming/%f"
  measure_tool barman
  cp first.yaml switchback.yaml
  quietly switchback init --apply
  printf '\nrestore of a checkpoint of %d rows, until the server left recovery; milliseconds (goal: at most 1.1)\n' "$rows"
  figures_of 'restore pgbackrest' 'pgbackrest: its own commands' 'pgbackrest: switchback restore=1.1'
  figures_of 'restore barman' 'barman: its own commands' 'barman: switchback restore=1.1'
}
measure_restore
