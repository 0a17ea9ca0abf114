-- $1: a process that builds an index.
SELECT phase, lockers_total, lockers_done, blocks_total, blocks_done
  FROM pg_stat_progress_create_index
 WHERE pid = $1::int
