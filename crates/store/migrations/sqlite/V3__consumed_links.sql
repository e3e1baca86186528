-- The device that a code was used for: its desktop may ask again, since the answer can be lost on the way. Null: not used yet.
ALTER TABLE device_links ADD COLUMN device BLOB;
