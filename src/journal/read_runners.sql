SELECT public_key FROM switchback.runner ORDER BY public_key
