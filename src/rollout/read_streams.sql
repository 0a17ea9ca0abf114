-- The releases, by the hex digits in the names, of which a slot or a publication is in this database.
SELECT DISTINCT split_part(name, '_', 2)
  FROM (SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database()
        UNION ALL
        SELECT pubname::text FROM pg_publication) AS streams (name)
 WHERE starts_with(name, 'switchback_')
