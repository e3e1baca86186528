DELETE FROM used_flows WHERE ends_at <= $1
