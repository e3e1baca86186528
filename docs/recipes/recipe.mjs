// Signs a request and sends it. Node 18 or newer, no packages.
//
//   LP_RELAY=https://relay.example LP_KEY=lp_live_… LP_SECRET=lps_… node recipe.mjs GET /api/links/verify
//   … node recipe.mjs POST /api/links/fetch '{"idempotencyKey":"a","trackingUrl":"https://trk.example/a","source":"platform_api","rowId":"a"}'
//
// With LP_PRINT=1 it prints the signature instead of sending anything.
import crypto from "node:crypto";

const [method, target, body = ""] = process.argv.slice(2);
const { LP_RELAY, LP_KEY, LP_SECRET, LP_PRINT } = process.env;
const timestamp = process.env.LP_TIMESTAMP ?? Math.floor(Date.now() / 1000).toString();
const nonce = process.env.LP_NONCE ?? crypto.randomUUID();

// The POST of a single fetch is signed over its body; everything else also names method, path and query.
const signed = method === "POST" && target === "/api/links/fetch" ? body : `${method} ${target}\n${body}`;
const signature = crypto.createHmac("sha256", LP_SECRET).update(`${timestamp}.${nonce}.${signed}`).digest("hex");

if (LP_PRINT) {
  console.log(signature);
} else {
  const response = await fetch(LP_RELAY + target, {
    method,
    headers: {
      "Content-Type": "application/json",
      "X-Link-Peeler-Key": LP_KEY,
      "X-Link-Peeler-Timestamp": timestamp,
      "X-Link-Peeler-Nonce": nonce,
      "X-Link-Peeler-Signature": signature,
    },
    body: body === "" ? undefined : body,
  });
  console.log(await response.text());
  if (!response.ok) process.exitCode = 1;
}
