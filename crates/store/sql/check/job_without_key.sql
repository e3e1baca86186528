SELECT count(*)
FROM jobs j
LEFT JOIN idempotency i ON i.account = j.account AND i.environment = j.environment AND i.key = j.idempotency_key AND i.job_id = j.id
LEFT JOIN pruned p ON p.account = j.account
WHERE i.job_id IS NULL AND (p.account IS NULL OR j.id > p.keys_through)
