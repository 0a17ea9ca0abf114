-- What a restore of a backup, or the stream of changes, does not bring back as it is: a sentence for each object.
SELECT sentence
  FROM (SELECT 1 AS kind, format('%I.%I is unlogged: a restore brings it back empty, and the stream has nothing of it', n.nspname, c.relname) AS sentence
          FROM pg_class AS c
          JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND c.relpersistence = 'u'
        UNION ALL
        SELECT 2, format('%I.%I is a foreign table: its rows are on the server %I, in no backup of this one', n.nspname, c.relname, s.srvname)
          FROM pg_foreign_table AS f
          JOIN pg_class AS c ON c.oid = f.ftrelid
          JOIN pg_namespace AS n ON n.oid = c.relnamespace
          JOIN pg_foreign_server AS s ON s.oid = f.ftserver
        UNION ALL
        SELECT 3, 'there are large objects: a restore has them as of the restore point, and what is written to them since is not in the stream'
         WHERE EXISTS (SELECT FROM pg_largeobject_metadata)
        UNION ALL
        SELECT 4, 'the database is in SQL_ASCII: rows with bytes that are no UTF-8 cannot be read out of the stream, nor hashed'
         WHERE pg_char_to_encoding('SQL_ASCII') = (SELECT encoding FROM pg_database WHERE datname = current_database())) AS unheld
 ORDER BY kind, sentence
