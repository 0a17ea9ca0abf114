SELECT to_regclass('switchback.journal') IS NOT NULL
   AND to_regprocedure('switchback.note_both_changed(text,text,text,jsonb)') IS NOT NULL
