SELECT pg_is_in_recovery() AS standby,
       (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
       current_setting('wal_level') AS wal_level,
       (SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS slot_limit_mb,
       (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user) AS replication,
       current_database() AS database,
       (SELECT oid FROM pg_database WHERE datname = current_database()) AS database_oid,
       -- Who can log in to a copy of this server: 10 is the role that initdb made.
       (SELECT rolname FROM pg_roles WHERE rolcanlogin AND (rolsuper OR rolname = session_user)
         ORDER BY rolsuper DESC, oid = 10 DESC, rolname LIMIT 1) AS role
