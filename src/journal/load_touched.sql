SELECT touched::text FROM switchback.release WHERE name = $1
