-- Whether WAL goes anywhere. A library stands in the command's place from PostgreSQL 15 on.
SELECT current_setting('archive_mode') <> 'off'
   AND (current_setting('archive_command') NOT IN ('', '(disabled)') OR coalesce(current_setting('archive_library', true), '') <> '')
