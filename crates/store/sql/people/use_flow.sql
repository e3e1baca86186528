INSERT INTO used_flows (flow_hash, ends_at)
VALUES ($1, $2)
ON CONFLICT (flow_hash) DO NOTHING
RETURNING ends_at
