-- Sets rather than a look for each job: the ready ones cannot be found by job.
SELECT count(*)
FROM (SELECT account, id FROM jobs WHERE ended_state IS NULL
      EXCEPT
      SELECT account, job_id
      FROM (SELECT account, job_id FROM ready
            UNION ALL SELECT account, job_id FROM delayed
            UNION ALL SELECT account, job_id FROM leased) q) missing
