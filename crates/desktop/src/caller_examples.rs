//! Callers to paste: what somebody writes who has read only the documents, in three languages and without packages. The
//! secret comes from the environment, so that it ends up in no file.

use protocol::{KeyId, Secret};

/// What an example calls, and as whom.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// `https://relay.example/api/links/fetch`.
    pub endpoint: &'a str,
    /// The public id.
    pub key_id: &'a KeyId,
    /// The secret.
    pub secret: &'a Secret,
    /// What to resolve.
    pub tracking_url: &'a str,
}

/// Node 18 or newer.
#[must_use]
pub fn node(example: &Example<'_>) -> String {
    format!(
        r#"LP_SECRET={secret} node --input-type=module <<'JS'
import crypto from "node:crypto";
const body = JSON.stringify({{ idempotencyKey: crypto.randomUUID(), trackingUrl: "{tracking_url}", source: "platform_api", rowId: "offer-001" }});
const timestamp = Math.floor(Date.now() / 1000).toString(), nonce = crypto.randomUUID();
const signature = crypto.createHmac("sha256", process.env.LP_SECRET).update([timestamp, nonce, body].join(".")).digest("hex");
const response = await fetch("{endpoint}", {{ method: "POST", body, headers: {{ "Content-Type": "application/json",
  "X-Link-Peeler-Key": "{key}", "X-Link-Peeler-Timestamp": timestamp, "X-Link-Peeler-Nonce": nonce, "X-Link-Peeler-Signature": signature }} }});
console.log(response.status, await response.json());
JS"#,
        secret = example.secret.expose(),
        endpoint = example.endpoint,
        key = example.key_id,
        tracking_url = example.tracking_url,
    )
}

/// Python 3.8 or newer.
#[must_use]
pub fn python(example: &Example<'_>) -> String {
    format!(
        r#"LP_SECRET={secret} python3 - <<'PY'
import hashlib, hmac, json, os, time, urllib.error, urllib.request, uuid
body = json.dumps({{"idempotencyKey": str(uuid.uuid4()), "trackingUrl": "{tracking_url}", "source": "platform_api", "rowId": "offer-001"}}).encode()
timestamp, nonce = str(int(time.time())), uuid.uuid4().hex
signature = hmac.new(os.environ["LP_SECRET"].encode(), f"{{timestamp}}.{{nonce}}.".encode() + body, hashlib.sha256).hexdigest()
request = urllib.request.Request("{endpoint}", body, {{"Content-Type": "application/json", "X-Link-Peeler-Key": "{key}",
    "X-Link-Peeler-Timestamp": timestamp, "X-Link-Peeler-Nonce": nonce, "X-Link-Peeler-Signature": signature}})
try:
    answer = urllib.request.urlopen(request)
except urllib.error.HTTPError as refused:
    answer = refused
print(answer.status, answer.read().decode())
PY"#,
        secret = example.secret.expose(),
        endpoint = example.endpoint,
        key = example.key_id,
        tracking_url = example.tracking_url,
    )
}

/// curl and openssl.
#[must_use]
pub fn curl(example: &Example<'_>) -> String {
    format!(
        r#"TS=$(date +%s) NONCE=$(openssl rand -hex 16)
BODY='{{"idempotencyKey":"'$NONCE'","trackingUrl":"{tracking_url}","source":"platform_api","rowId":"offer-001"}}'
SIG=$(printf %s "$TS.$NONCE.$BODY" | openssl dgst -sha256 -hmac '{secret}' | sed 's/^.* //')
curl -sS '{endpoint}' -H 'Content-Type: application/json' -H 'X-Link-Peeler-Key: {key}' -H "X-Link-Peeler-Timestamp: $TS" \
  -H "X-Link-Peeler-Nonce: $NONCE" -H "X-Link-Peeler-Signature: $SIG" --data-raw "$BODY""#,
        secret = example.secret.expose(),
        endpoint = example.endpoint,
        key = example.key_id,
        tracking_url = example.tracking_url,
    )
}
