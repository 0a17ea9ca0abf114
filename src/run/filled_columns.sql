-- Columns that the server fills whatever is asked: identities, always, and (true) generated ones.
SELECT attname, attgenerated <> '' FROM pg_attribute
 WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND (attidentity = 'a' OR attgenerated <> '')
