SELECT pg_has_role('pg_read_all_stats', 'USAGE'), has_function_privilege('pg_ls_archive_statusdir()', 'EXECUTE'),
       pg_has_role('pg_read_all_settings', 'USAGE') AND inet_server_addr() IS NULL,
       (SELECT format('%I', n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_stat_statements')
