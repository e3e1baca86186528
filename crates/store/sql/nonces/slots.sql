SELECT slot, slice FROM nonce_slots
