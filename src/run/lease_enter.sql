INSERT INTO switchback.lease (release, token, holder, host, pid, boot_id, started, expires_at)
VALUES ($1, 0, '', '', 0, '', '-infinity', '-infinity')
ON CONFLICT (release) DO NOTHING
