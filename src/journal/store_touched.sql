UPDATE switchback.release SET touched = $2::jsonb WHERE name = $1
