SELECT ends_at FROM used_flows WHERE flow_hash = $1
