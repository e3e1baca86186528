"""Signs what schemathesis sends: as a caller, or as a linked desktop where the path is one of theirs.

The last bytes count, so this signs the request as it goes out, after everything has been written. A request that
schemathesis has robbed of its credentials on purpose stays without.
"""
import base64
import hashlib
import hmac
import os
import time
import uuid
from urllib.parse import urlsplit

import requests.auth
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY, SECRET = os.environ["LP_KEY"], os.environ["LP_SECRET"].encode()
DEVICE = os.environ["LP_DEVICE"]
DEVICE_KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(os.environ["LP_DEVICE_SEED"]))

CALLER_HEADERS = ("X-Link-Peeler-Key", "X-Link-Peeler-Timestamp", "X-Link-Peeler-Nonce", "X-Link-Peeler-Signature")
DEVICE_HEADERS = ("Content-Digest", "Signature-Input", "Signature")


class Signed(requests.auth.AuthBase):
    def __call__(self, request):
        parts = urlsplit(request.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        # A stream has no bytes that could be signed before it is sent.
        if not isinstance(body, bytes):
            return request
        if parts.path.startswith("/api/device/"):
            if not parts.path.startswith("/api/device/link"):
                request.headers.update(device_headers(request.method, request.url.split("#")[0], body))
        elif parts.path.startswith("/api/"):
            request.headers.update(caller_headers(request.method, target, body))
        return request


def caller_headers(method, target, body):
    timestamp, nonce = str(int(time.time())), str(uuid.uuid4())
    is_fetch = (method, target) == ("POST", "/api/links/fetch")
    signed = body if is_fetch else f"{method} {target}\n".encode() + body
    base = f"{timestamp}.{nonce}.".encode() + signed
    signature = hmac.new(SECRET, base, hashlib.sha256).hexdigest()
    return dict(zip(CALLER_HEADERS, (KEY, timestamp, nonce, signature)))


def device_headers(method, url, body):
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    parameters = (
        f'("@method" "@target-uri" "content-digest");created={int(time.time())};'
        f'nonce="{uuid.uuid4().hex}";keyid="{DEVICE}";alg="ed25519"'
    )
    base = f'"@method": {method}\n"@target-uri": {url}\n"content-digest": {digest}\n"@signature-params": {parameters}'
    signature = base64.b64encode(DEVICE_KEY.sign(base.encode())).decode()
    return dict(zip(DEVICE_HEADERS, (digest, f"link-peeler={parameters}", f"link-peeler=:{signature}:")))


@schemathesis.hook
def before_call(context, case, kwargs):
    kwargs["auth"] = Signed()
    # Ids of earlier answers are used again: the key that signs is not to be revoked with them.
    if (case.path_parameters or {}).get("keyId") == KEY:
        case.path_parameters["keyId"] = "lp_test_" + "0" * 16
    # A wait that is allowed is waited for, and nothing comes.
    if isinstance(case.body, dict) and isinstance(case.body.get("waitSeconds"), int):
        case.body["waitSeconds"] = min(case.body["waitSeconds"], 1) if case.body["waitSeconds"] <= 50 else case.body["waitSeconds"]
    if isinstance((case.query or {}).get("wait"), int) and case.query["wait"] <= 60:
        case.query["wait"] = min(case.query["wait"], 1)
