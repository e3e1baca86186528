-- Only where an operator has asked: whoever sends this has no key.
UPDATE wanted_links SET sealed_code = $2
WHERE user_code = $1 AND sealed_code IS NULL
