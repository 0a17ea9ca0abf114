SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready' HAVING current_setting('archive_mode') <> 'off'
