-- Against its end alone: when it was last used may be noted meanwhile.
SELECT 1::bigint FROM sessions WHERE operator = $1 AND id = $2 FOR KEY SHARE
