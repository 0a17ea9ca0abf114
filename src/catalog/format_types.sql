-- Canonical names of the types $1 (oids) with the modifiers $2, in parallel.
SELECT t.oid, t.typmod, format_type(t.oid, t.typmod) AS name FROM unnest($1::oid[], $2::int4[]) AS t (oid, typmod)
