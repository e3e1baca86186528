-- Rows by when they were checked last, for people who look for what is stale, or for what came in just now. Rows that were
-- never checked stand in no order and in no index.
CREATE INDEX rows_by_check ON rows (account, environment, last_checked, source, row_id) WHERE last_checked IS NOT NULL;
