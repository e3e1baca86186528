INSERT INTO sealing_generations (number, id, since)
SELECT coalesce(max(number), 0) + 1, $1, $2 FROM sealing_generations WHERE true
ON CONFLICT DO NOTHING
