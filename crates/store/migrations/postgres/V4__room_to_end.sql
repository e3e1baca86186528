-- A job's record and its row are written once more when the job ends. Room on their pages lets that be done in place: without
-- it every index gets a second entry.
ALTER TABLE jobs SET (fillfactor = 80);
ALTER TABLE rows SET (fillfactor = 80);
