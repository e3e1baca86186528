-- Of two roles the greater stays: an invitation takes nothing away.
INSERT INTO memberships (account, operator, role, created_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (account, operator) DO UPDATE SET role = excluded.role WHERE excluded.role > memberships.role
