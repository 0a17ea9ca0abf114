DELETE FROM switchback.pause WHERE release = $1
