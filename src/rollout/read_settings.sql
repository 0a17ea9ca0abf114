-- $1: names of settings, as text[].
SELECT s.name, current_setting(s.name), s.setting, s.context = 'postmaster'
  FROM pg_settings AS s
 WHERE s.name = ANY ($1::text[])
 ORDER BY s.name
