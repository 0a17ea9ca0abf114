-- For a role that may not list the directory: how far the last archived segment is behind the current one.
WITH wal AS (
  SELECT pg_walfile_name(pg_current_wal_lsn()) AS current, left(last_archived_wal, 24) AS archived,
         4294967296 / pg_size_bytes(current_setting('wal_segment_size')) AS in_file
  FROM pg_stat_archiver
)
SELECT greatest(0, (('x' || substr(current, 9, 8))::bit(32)::bigint - ('x' || substr(archived, 9, 8))::bit(32)::bigint) * in_file
                   + ('x' || substr(current, 17, 8))::bit(32)::bigint - ('x' || substr(archived, 17, 8))::bit(32)::bigint - 1)
FROM wal
WHERE current_setting('archive_mode') <> 'off' AND archived ~ '^[0-9A-F]{24}$' AND left(current, 8) = left(archived, 8)
