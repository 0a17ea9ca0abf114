-- What the triggers of the fence call.
CREATE OR REPLACE FUNCTION switchback.fence() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE read_only_sql_transaction USING
    MESSAGE = format('%I.%I is read-only: its applications move to another server', TG_TABLE_SCHEMA, TG_TABLE_NAME),
    HINT = '`switchback restore RELEASE --lift-fence` opens it again.';
END $$
