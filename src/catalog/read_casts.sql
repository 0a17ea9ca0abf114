-- Casts among the types $1 (oids).
SELECT castsource AS source, casttarget AS target, castmethod = 'b' AS coercible
  FROM pg_cast
 WHERE castsource = ANY ($1::oid[]) AND casttarget = ANY ($1::oid[])
