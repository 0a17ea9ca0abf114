-- $1 the slot. A lost one keeps nothing back and has nothing to lose.
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, safe_wal_size
FROM pg_replication_slots
WHERE slot_name = $1 AND wal_status IS DISTINCT FROM 'lost'
