SELECT i.id, i.email, i.role, i.created_at, i.expires_at, o.name
FROM invitations i LEFT JOIN operators o ON o.id = i.invited_by
WHERE i.account = $1 AND i.expires_at > $2
ORDER BY i.email
