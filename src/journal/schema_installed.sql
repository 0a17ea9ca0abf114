SELECT to_regclass('switchback.journal') IS NOT NULL
   AND to_regprocedure('switchback.forget_unconverted(text,text,text,jsonb)') IS NOT NULL
