SELECT count(*)
FROM (SELECT account, job_id
      FROM (SELECT account, job_id FROM ready
            UNION ALL SELECT account, job_id FROM delayed
            UNION ALL SELECT account, job_id FROM leased) q
      GROUP BY account, job_id
      HAVING count(*) > 1) twice
