SELECT tracking_url, expected_domain, context, expectation FROM jobs WHERE account = $1 AND id = $2
