-- Whoever changes the row drops what the slot held; another relay waits for that, and then finds nothing to change.
UPDATE nonce_slots SET slice = $2 WHERE slot = $1 AND slice < $2 RETURNING slot
