INSERT INTO nonce_slots (slot, slice)
VALUES ($1, $2)
ON CONFLICT (slot) DO UPDATE SET slice = excluded.slice
