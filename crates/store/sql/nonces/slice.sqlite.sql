SELECT slice FROM nonce_slots WHERE slot = $1
