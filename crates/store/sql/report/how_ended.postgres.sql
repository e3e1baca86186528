-- "It is concluded already" is an acknowledgement too. The lock is written to the log, so that the commit waits for the
-- synchronous standby, and with it for the conclusion: its own wait may have been cancelled. It keeps nobody out.
SELECT k.n - 1, j.ended_state, j.ended_fence, j.ended_by
FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS k (account, id, n)
JOIN jobs j ON j.account = k.account AND j.id = k.id
FOR KEY SHARE OF j
