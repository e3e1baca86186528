SELECT ended_state, ended_fence, ended_by FROM jobs WHERE account = $1 AND id = $2
