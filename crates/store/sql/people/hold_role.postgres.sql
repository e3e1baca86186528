-- Whoever takes the membership or its role away waits until what it allows is done.
SELECT role FROM memberships WHERE account = $1 AND operator = $2 FOR SHARE
