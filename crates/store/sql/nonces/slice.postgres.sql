SELECT k.n - 1, s.slice
FROM unnest($1::bigint[]) WITH ORDINALITY AS k (slot, n)
JOIN nonce_slots s ON s.slot = k.slot
