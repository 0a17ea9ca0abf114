-- Tables that reference $1 (oids) by a foreign key, or are referenced by them.
SELECT conrelid AS oid FROM pg_constraint WHERE contype = 'f' AND confrelid = ANY ($1::oid[])
UNION
SELECT confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY ($1::oid[])
