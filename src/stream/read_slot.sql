-- A logical slot of this database ($1). What older versions do not have is NULL.
SELECT s.wal_status,
       coalesce(to_jsonb(s) ->> 'invalidation_reason',
                CASE WHEN (to_jsonb(s) ->> 'conflicting')::boolean THEN 'rows_removed' END),
       s.active,
       s.confirmed_flush_lsn,
       coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                                     ELSE pg_current_wal_insert_lsn() END, s.restart_lsn), 0)::bigint AS kept,
       s.safe_wal_size,
       (SELECT nullif(p.setting::bigint, -1) * 1048576 FROM pg_settings AS p WHERE p.name = 'max_slot_wal_keep_size')
  FROM pg_replication_slots AS s
 WHERE s.slot_name = $1::text AND s.database = current_database() AND s.plugin = 'pgoutput'
