-- Fences all tables of the applications that nobody has locked; who has one is waited for elsewhere. A statement for all of them,
-- some in a transaction: no lock is waited for, because those of the tables before are held meanwhile.
DO $$
DECLARE
  unfenced record;
  altered int := 0;
BEGIN
  FOR unfenced IN
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_trigger AS t
        ON t.tgrelid = c.oid AND t.tgname = 'switchback_fence' AND t.tgfoid = pg_catalog.to_regprocedure('switchback.fence()')
     WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
       AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|switchback$|switchback_retired$|switchback_salvage$)'
       AND pg_catalog.pg_has_role(c.relowner, 'USAGE') AND t.tgenabled IS DISTINCT FROM 'A'
     ORDER BY c.oid
  LOOP
    PERFORM pg_catalog.set_config('lock_timeout', '1', true);
    BEGIN
      EXECUTE pg_catalog.format('CREATE OR REPLACE TRIGGER switchback_fence BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
                                'FOR EACH STATEMENT EXECUTE FUNCTION switchback.fence()', unfenced.name);
      EXECUTE pg_catalog.format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER switchback_fence', unfenced.name);
    EXCEPTION
      WHEN lock_not_available OR undefined_table OR invalid_schema_name THEN NULL;
    END;
    altered := altered + 1;
    IF altered % 32 = 0 THEN
      COMMIT;
    END IF;
  END LOOP;
END $$
