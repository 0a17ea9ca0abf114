SELECT to_regclass('switchback.journal') IS NOT NULL AND to_regclass('switchback.unconverted') IS NOT NULL
