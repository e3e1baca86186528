-- Days since 1970 in UTC: a month is a number of whole days, and both databases divide alike. A job that was cancelled
-- before a desktop had it (no fence is noted) was given back.
SELECT account, environment, created_at / 86400000,
       CAST(sum(CASE WHEN ended_state = 3 AND ended_fence IS NULL THEN 0 ELSE 1 END) AS BIGINT)
FROM jobs
GROUP BY account, environment, created_at / 86400000
