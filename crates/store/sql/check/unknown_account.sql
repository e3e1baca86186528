SELECT count(*)
FROM (SELECT account FROM api_keys
      UNION SELECT account FROM devices
      UNION SELECT account FROM device_links
      UNION SELECT account FROM memberships
      UNION SELECT account FROM invitations
      UNION SELECT account FROM setup_links
      UNION SELECT account FROM rows
      UNION SELECT account FROM usage
      UNION SELECT account FROM backlog
      UNION SELECT account FROM pruned
      UNION SELECT account FROM ready
      UNION SELECT account FROM delayed
      UNION SELECT account FROM leased) t
LEFT JOIN accounts a ON a.id = t.account
WHERE a.id IS NULL
