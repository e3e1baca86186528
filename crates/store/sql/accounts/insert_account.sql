INSERT INTO accounts (id, name, plan, created_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO NOTHING
