-- What the role of this session may do, and where it is.
SELECT current_user,
       current_database(),
       current_setting('server_version'),
       r.rolsuper,
       r.rolsuper OR r.rolreplication,
       has_function_privilege('pg_create_restore_point(text)', 'EXECUTE'),
       has_function_privilege('pg_switch_wal()', 'EXECUTE'),
       coalesce((SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace AS n WHERE n.nspname = 'switchback'), true),
       (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = 'switchback')
  FROM pg_roles AS r
 WHERE r.rolname = current_user
