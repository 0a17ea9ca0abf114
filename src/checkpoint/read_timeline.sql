-- Where the server writes now: the control file may still show the timeline before a promotion.
SELECT ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int AS timeline,
       pg_current_wal_insert_lsn() AS position
