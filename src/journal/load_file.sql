SELECT content FROM switchback.file WHERE release = $1 AND name = $2
