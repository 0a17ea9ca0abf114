-- Up to where the server has read its log for who reads the slot $1; no row: nobody does, or this role may not see it.
SELECT r.sent_lsn
  FROM pg_replication_slots AS s
  JOIN pg_stat_replication AS r ON r.pid = s.active_pid
 WHERE s.slot_name = $1 AND r.sent_lsn IS NOT NULL
