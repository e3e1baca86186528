SELECT account, environment, month, used FROM usage
