-- What of the event triggers would fire in a session that is a replica's, how it is altered and altered back, and whether this role may.
SELECT e.evtname AS name, pg_catalog.format('ALTER EVENT TRIGGER %I DISABLE', e.evtname) AS alter,
       pg_catalog.format('ALTER EVENT TRIGGER %I ENABLE %s', e.evtname, CASE e.evtenabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END) AS back,
       pg_catalog.pg_has_role(e.evtowner, 'USAGE') AS owned
  FROM pg_catalog.pg_event_trigger AS e
 WHERE e.evtenabled IN ('A', 'R') AND e.evtevent <> 'login'
 ORDER BY e.evtname
