-- Where rows of release $1 were set aside, and of which tables they were.
SELECT r.schema, r.generated_name, r.former_schema || '.' || r.former_name
  FROM switchback.retired AS r
 WHERE r.release = $1 AND r.kind = 'rows' AND pg_catalog.to_regclass(pg_catalog.format('%I.%I', r.schema, r.generated_name)) IS NOT NULL
 ORDER BY 3
