UPDATE api_keys SET previous_sealed = NULL
WHERE previous_ends_at <= $1 AND previous_sealed IS NOT NULL
