SELECT t.account
FROM (SELECT account, count(*) AS counted, 0 AS noted FROM ready GROUP BY account
      UNION ALL SELECT account, count(*), 0 FROM delayed GROUP BY account
      UNION ALL SELECT account, 0, waiting FROM backlog) t
GROUP BY t.account
HAVING sum(t.counted) <> sum(t.noted)
ORDER BY t.account
