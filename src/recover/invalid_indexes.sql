SELECT quote_ident(n.nspname) || '.' || quote_ident(i.relname), quote_ident(tn.nspname) || '.' || quote_ident(t.relname)
FROM pg_index AS x
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_namespace AS n ON n.oid = i.relnamespace
JOIN pg_class AS t ON t.oid = x.indrelid
JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
JOIN unnest($1::text[], $2::text[]) AS touched (schema, name) ON touched.schema = tn.nspname AND touched.name = t.relname
WHERE NOT x.indisvalid
ORDER BY 1
