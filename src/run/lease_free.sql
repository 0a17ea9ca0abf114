-- $1: a release. One row where nobody has its lease, which nobody takes until the transaction ends.
SELECT 1 FROM switchback.lease WHERE release = $1 AND expires_at <= clock_timestamp() FOR UPDATE SKIP LOCKED
