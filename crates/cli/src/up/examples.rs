//! Callers to paste: what somebody writes who has read only the documents, in two languages.

use super::stack::Addresses;

/// Node 18 or newer, no packages. The secret comes from the environment, so that it ends up in no file.
pub(crate) fn node(addresses: &Addresses, tracking_url: &str) -> String {
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
        secret = addresses.secret,
        endpoint = addresses.endpoint,
        key = addresses.key_id,
    )
}

/// curl and openssl.
pub(crate) fn curl(addresses: &Addresses, tracking_url: &str) -> String {
    format!(
        r#"TS=$(date +%s) NONCE=$(openssl rand -hex 16)
BODY='{{"idempotencyKey":"'$NONCE'","trackingUrl":"{tracking_url}","source":"platform_api","rowId":"offer-001"}}'
SIG=$(printf %s "$TS.$NONCE.$BODY" | openssl dgst -sha256 -hmac '{secret}' | sed 's/^.* //')
curl -sS '{endpoint}' -H 'Content-Type: application/json' -H 'X-Link-Peeler-Key: {key}' -H "X-Link-Peeler-Timestamp: $TS" \
  -H "X-Link-Peeler-Nonce: $NONCE" -H "X-Link-Peeler-Signature: $SIG" --data-raw "$BODY""#,
        secret = addresses.secret,
        endpoint = addresses.endpoint,
        key = addresses.key_id,
    )
}
