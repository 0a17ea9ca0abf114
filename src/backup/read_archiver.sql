SELECT a.last_archived_wal, a.last_failed_wal, a.last_failed_time, a.failed_count,
    coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity' ::timestamptz), false) AS failing,
    current_setting('archive_mode') AS archive_mode,
    current_setting('archive_command') AS archive_command FROM pg_stat_archiver AS a
