-- $1 the sessions of the backfill. Only transactions that hold back what vacuum may remove.
SELECT (extract(epoch FROM clock_timestamp() - began) * 1000)::bigint, who
FROM (
  SELECT xact_start AS began, format('pid %s (%s)', pid, application_name) AS who
  FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> ALL ($1::int[])
    AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND xact_start IS NOT NULL
  UNION ALL
  SELECT prepared, format('the prepared transaction %s', gid) FROM pg_prepared_xacts WHERE database = current_database()
) AS open
ORDER BY 1 DESC
LIMIT 1
