SELECT number, id, since FROM sealing_generations ORDER BY number
