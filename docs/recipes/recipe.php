<?php
// Signs a request and sends it. PHP 8 or newer, no packages.
//
//   LP_RELAY=https://relay.example LP_KEY=lp_live_… LP_SECRET=lps_… php recipe.php GET /api/links/verify
//   … php recipe.php POST /api/links/fetch '{"idempotencyKey":"a","trackingUrl":"https://trk.example/a","source":"platform_api","rowId":"a"}'
//
// With LP_PRINT=1 it prints the signature instead of sending anything.
[, $method, $target] = $argv;
$body = $argv[3] ?? '';
$timestamp = getenv('LP_TIMESTAMP') ?: (string) time();
$nonce = getenv('LP_NONCE') ?: bin2hex(random_bytes(16));

// The POST of a single fetch is signed over its body; everything else also names method, path and query.
$signed = "$method $target" === 'POST /api/links/fetch' ? $body : "$method $target\n$body";
$signature = hash_hmac('sha256', "$timestamp.$nonce.$signed", getenv('LP_SECRET'));

if (getenv('LP_PRINT')) {
    echo $signature, "\n";
    exit;
}
// Without `@` PHP prints its own warnings first, and the answer's headers would not be there to look at.
$answer = @file_get_contents(getenv('LP_RELAY') . $target, false, stream_context_create(['http' => [
    'method' => $method,
    'header' => [
        'Content-Type: application/json',
        'X-Link-Peeler-Key: ' . getenv('LP_KEY'),
        "X-Link-Peeler-Timestamp: $timestamp",
        "X-Link-Peeler-Nonce: $nonce",
        "X-Link-Peeler-Signature: $signature",
    ],
    'content' => $body,
    'ignore_errors' => true,
]]));
if ($answer === false) {
    fwrite(STDERR, 'no answer: ' . (error_get_last()['message'] ?? 'unknown') . "\n");
    exit(1);
}
echo $answer, "\n";
exit(preg_match('/ 2\d\d /', $http_response_header[0]) ? 0 : 1);
