-- Small tables and counters only: no count over jobs, rows or the ready ones.
SELECT (SELECT count(*) FROM accounts),
       (SELECT count(*) FROM devices WHERE revoked_at IS NULL),
       (SELECT count(*) FROM api_keys WHERE revoked_at IS NULL),
       (SELECT CAST(coalesce(sum(waiting), 0) AS BIGINT) FROM backlog),
       (SELECT count(*) FROM leased),
       (SELECT CAST(coalesce(sum(used), 0) AS BIGINT) FROM usage WHERE month = $1),
       (SELECT CAST(coalesce(sum(used), 0) AS BIGINT) FROM usage)
