-- Also what came last into the schema.
SELECT to_regclass('switchback.progress') IS NOT NULL
