-- The oldest open transactions that have written: what the making of a slot waits for. In every database of the server, of sessions of
-- any kind, and those that are prepared and belong to no session any more.
SELECT string_agg(w.who, '; ' ORDER BY w.since)
  FROM (SELECT since, who
          FROM (SELECT xact_start AS since,
                       format('process %s of %s (%s) in %s, open since %s', pid, coalesce(usename::text, backend_type),
                              application_name, datname, xact_start) AS who
                  FROM pg_stat_activity
                 WHERE backend_xid IS NOT NULL
                UNION ALL
                SELECT prepared, format('the prepared transaction %s of %s in %s, prepared %s: COMMIT PREPARED or ROLLBACK PREPARED %s',
                                        quote_literal(gid), owner, database, prepared, quote_literal(gid))
                  FROM pg_prepared_xacts) AS open
         ORDER BY since
         LIMIT 3) AS w
