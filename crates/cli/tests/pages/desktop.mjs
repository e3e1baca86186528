// The desktop's pages as the person at the machine sees them.
import assert from "node:assert/strict";

/** Somebody whom the desktop has let in. */
async function owner(test, options = {}) {
  const base = new URL(test.given.desktopUrl).origin;
  const person = await test.person({ base, ...options });
  const { out, err, code } = await test.act("run", { arguments: ["desktop", "open", "--json"], inData: true });
  assert.equal(code, 0, err);
  const page = await person.open(JSON.parse(out).url);
  await page.getByRole("heading", { name: "Status" }).waitFor();
  await page.close();
  return person;
}

const LINKS = ["chain-302-3", "cookie-gate", "loop-two", "gone-404", "meta-refresh"];

export default {
  "every page, seen by everybody": async (test) => {
    const person = await owner(test);
    for (const link of LINKS) {
      const given = { LINK_PEELER_KEY: test.given.keyId, LINK_PEELER_SECRET: test.given.secret, LINK_PEELER_RELAY: test.given.endpoint };
      await test.act("run", { arguments: ["fetch", `${test.given.labUrl}/${link}`, "--wait", "60"], environment: given });
    }
    const page = await person.open("/jobs");
    const href = await page.getByRole("link", { name: /chain-302-3/ }).first().getAttribute("href");
    const pages = { status: "/", jobs: "/jobs", job: href, keys: "/keys", contexts: "/contexts", guard: "/guard", log: "/log", settings: "/settings" };
    for (const [name, path] of Object.entries(pages)) await test.everywhere(person, path, { name: `desktop-${name}` });
  },
};
