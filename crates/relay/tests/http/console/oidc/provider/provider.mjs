// A real OpenID provider on loopback with pages of its own to sign in on. It says its issuer, is told the redirect URI of
// its one client, says that it is ready, and ends with its standard input.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
console.log(JSON.stringify({ issuer }));

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { redirectUri, clientId, clientSecret } = JSON.parse((await lines.next()).value);

const provider = new Provider(issuer, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  cookies: { keys: ["of a provider that lives for one test"] },
  // Whoever signs in as "bea" is bea@company.example, and those who are called unverified are not verified.
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({ sub, email: `${sub}@company.example`, email_verified: !sub.startsWith("unverified"), name: `${sub} of the provider` }),
  }),
});
server.on("request", provider.callback());
console.log(JSON.stringify({ ready: true }));

await lines.next();
process.exit(0);
