-- Also what came after the first version of the schema.
SELECT to_regprocedure('switchback.note(text,text,text,text,jsonb,boolean,boolean)') IS NOT NULL
   AND to_regclass('switchback.progress') IS NOT NULL
   AND to_regclass('switchback.closed') IS NOT NULL
   AND to_regclass('switchback.runner') IS NOT NULL
   AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('switchback.lease') AND attname = 'backend_start')
