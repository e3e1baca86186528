-- One relay prunes at a time, until its transaction ends: two would only wait for each other's locks.
SELECT 1::bigint WHERE pg_try_advisory_xact_lock(5076823104773013)
