SELECT k.n - 1, i.job_id, i.fingerprint
FROM unnest($1::bytea[], $2::bigint[], $3::text[]) WITH ORDINALITY AS k (account, environment, key, n)
CROSS JOIN LATERAL (SELECT job_id, fingerprint
                    FROM idempotency
                    WHERE account = k.account AND environment = k.environment AND key = k.key
                    LIMIT 1) i
