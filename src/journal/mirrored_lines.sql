SELECT line FROM switchback.journal WHERE release = $1 ORDER BY seq
