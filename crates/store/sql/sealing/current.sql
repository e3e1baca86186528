SELECT id FROM sealing_generations ORDER BY number DESC LIMIT 1
