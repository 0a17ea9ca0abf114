SELECT format('%s (%s UTC)', asked_by, to_char(at, 'YYYY-MM-DD HH24:MI')) FROM switchback.pause WHERE release = $1
