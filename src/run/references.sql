SELECT n.nspname, c.relname,
       (SELECT json_agg(json_build_array(child.attname, parent.attname) ORDER BY k.position)::text
        FROM unnest(f.conkey, f.confkey) WITH ORDINALITY AS k (child, parent, position)
        JOIN pg_attribute AS child ON child.attrelid = f.conrelid AND child.attnum = k.child
        JOIN pg_attribute AS parent ON parent.attrelid = f.confrelid AND parent.attnum = k.parent)
FROM pg_constraint AS f
JOIN pg_class AS c ON c.oid = f.conrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE f.contype = 'f' AND f.confrelid = to_regclass($1)
ORDER BY 1, 2, f.conname
