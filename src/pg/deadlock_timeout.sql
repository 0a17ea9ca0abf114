-- In milliseconds, as it is for sessions that did not set it.
SELECT reset_val::bigint FROM pg_settings WHERE name = 'deadlock_timeout'
