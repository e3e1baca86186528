SELECT waiting FROM backlog WHERE account = $1
