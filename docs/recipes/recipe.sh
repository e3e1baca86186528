#!/bin/sh
# Signs a request and sends it. A POSIX shell, openssl and curl.
#
#   LP_RELAY=https://relay.example LP_KEY=lp_live_… LP_SECRET=lps_… sh recipe.sh GET /api/links/verify
#   … sh recipe.sh POST /api/links/fetch '{"idempotencyKey":"a","trackingUrl":"https://trk.example/a","source":"platform_api","rowId":"a"}'
#
# With LP_PRINT=1 it prints the signature instead of sending anything. The secret stands on openssl's command line for a
# moment, where other users of the machine could read it: on a shared machine take another recipe.
set -eu

method=$1
target=$2
body=${3-}
timestamp=${LP_TIMESTAMP-$(date +%s)}
nonce=${LP_NONCE-$(openssl rand -hex 16)}

# The POST of a single fetch is signed over its body; everything else also names method, path and query.
base() {
  printf '%s.%s.' "$timestamp" "$nonce"
  [ "$method $target" = "POST /api/links/fetch" ] || printf '%s %s\n' "$method" "$target"
  printf '%s' "$body"
}
# printf keeps the body as it is; echo would add a line feed and may read backslashes.
signature=$(base | openssl dgst -sha256 -hmac "$LP_SECRET" -r | cut -d ' ' -f 1)

if [ -n "${LP_PRINT-}" ]; then
  printf '%s\n' "$signature"
  exit
fi
printf '%s' "$body" | curl --silent --show-error --no-buffer --fail-with-body --request "$method" --data-binary @- \
  --header "Content-Type: application/json" \
  --header "X-Link-Peeler-Key: $LP_KEY" \
  --header "X-Link-Peeler-Timestamp: $timestamp" \
  --header "X-Link-Peeler-Nonce: $nonce" \
  --header "X-Link-Peeler-Signature: $signature" \
  "$LP_RELAY$target"
echo
