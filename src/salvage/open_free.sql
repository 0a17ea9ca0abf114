-- Lifts the fence of all tables that nobody has locked; as in fence_free.sql.
DO $$
DECLARE
  fenced record;
  altered int := 0;
BEGIN
  FOR fenced IN
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_catalog.pg_trigger AS t
      JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE t.tgname = 'switchback_fence' AND t.tgfoid = pg_catalog.to_regprocedure('switchback.fence()')
     ORDER BY c.oid
  LOOP
    PERFORM pg_catalog.set_config('lock_timeout', '1', true);
    BEGIN
      EXECUTE pg_catalog.format('DROP TRIGGER switchback_fence ON %s', fenced.name);
    EXCEPTION
      WHEN lock_not_available OR undefined_table OR invalid_schema_name OR undefined_object THEN NULL;
    END;
    altered := altered + 1;
    IF altered % 32 = 0 THEN
      COMMIT;
    END IF;
  END LOOP;
END $$
