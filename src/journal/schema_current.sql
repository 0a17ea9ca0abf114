-- Also what came after the first version of the schema.
SELECT to_regprocedure('switchback.forget_unconverted(text,text,text,jsonb)') IS NOT NULL
   AND to_regclass('switchback.progress') IS NOT NULL
