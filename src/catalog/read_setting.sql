-- What the session would have without this program's own settings, and where it is.
SELECT s.reset_val AS search_path, current_database() AS database, current_user AS role,
       current_setting('server_encoding') AS encoding,
       (SELECT system_identifier FROM pg_control_system()) AS system_identifier
  FROM pg_settings s
 WHERE s.name = 'search_path'
