SELECT account, jobs_through FROM pruned
