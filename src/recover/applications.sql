SELECT coalesce(nullif(application_name, ''), '(unnamed)'), coalesce(usename, ''), count(*),
       coalesce(max(extract(epoch FROM clock_timestamp() - xact_start) * 1000)::bigint, 0)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
GROUP BY 1, 2
ORDER BY 3 DESC, 1
