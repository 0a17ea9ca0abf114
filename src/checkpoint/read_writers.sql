-- The oldest open transactions that have written: what the making of a slot waits for.
SELECT string_agg(format('process %s of %s (%s), open since %s', w.pid, w.usename, w.application_name, w.xact_start), '; ')
  FROM (SELECT pid, usename, application_name, xact_start
          FROM pg_stat_activity
         WHERE backend_xid IS NOT NULL
         ORDER BY xact_start
         LIMIT 3) AS w
