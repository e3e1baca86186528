"""Signs a request and sends it. Python 3.8 or newer, no packages.

    LP_RELAY=https://relay.example LP_KEY=lp_live_… LP_SECRET=lps_… python3 recipe.py GET /api/links/verify
    … python3 recipe.py POST /api/links/fetch '{"idempotencyKey":"a","trackingUrl":"https://trk.example/a","source":"platform_api","rowId":"a"}'

With LP_PRINT=1 it prints the signature instead of sending anything.
"""
import hashlib
import hmac
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

method, target = sys.argv[1:3]
body = (sys.argv[3] if len(sys.argv) > 3 else "").encode()
timestamp = os.environ.get("LP_TIMESTAMP") or str(int(time.time()))
nonce = os.environ.get("LP_NONCE") or str(uuid.uuid4())

# The POST of a single fetch is signed over its body; everything else also names method, path and query.
is_fetch = (method, target) == ("POST", "/api/links/fetch")
signed = body if is_fetch else f"{method} {target}\n".encode() + body
base = f"{timestamp}.{nonce}.".encode() + signed
signature = hmac.new(os.environ["LP_SECRET"].encode(), base, hashlib.sha256).hexdigest()

if os.environ.get("LP_PRINT"):
    print(signature)
else:
    headers = {
        "Content-Type": "application/json",
        "X-Link-Peeler-Key": os.environ["LP_KEY"],
        "X-Link-Peeler-Timestamp": timestamp,
        "X-Link-Peeler-Nonce": nonce,
        "X-Link-Peeler-Signature": signature,
    }
    request = urllib.request.Request(os.environ["LP_RELAY"] + target, body or None, headers, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            print(response.read().decode())
    except urllib.error.HTTPError as error:
        print(error.read().decode())
        sys.exit(1)
