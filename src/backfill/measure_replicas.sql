-- Physical and logical ones; a receiver that replays nothing (pg_receivewal, a base backup) has no replay_lsn.
SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::bigint, max(extract(epoch FROM replay_lag) * 1000)::bigint
FROM pg_stat_replication
WHERE state IN ('streaming', 'catchup')
