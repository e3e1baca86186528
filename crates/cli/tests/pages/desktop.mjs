// The desktop's pages as the person at the machine sees them, and as a stranger's page meets them.
import assert from "node:assert/strict";

const desktop = (test) => new URL(test.given.desktopUrl).origin;

async function command(test, ...given) {
  const { code, out, err } = await test.act("run", { arguments: [...given, "--json"], inData: true });
  assert.equal(code, 0, err);
  return JSON.parse(out);
}

/** Somebody whom the desktop has let in. */
async function owner(test, options = {}) {
  const person = await test.person({ base: desktop(test), ...options });
  const { url } = await command(test, "desktop", "open");
  const page = await person.open(url);
  await page.getByRole("heading", { name: "Status" }).waitFor();
  await page.close();
  return person;
}

async function check(test, link) {
  const given = { LINK_PEELER_KEY: test.given.keyId, LINK_PEELER_SECRET: test.given.secret, LINK_PEELER_RELAY: test.given.endpoint };
  await test.act("run", { arguments: ["fetch", link, "--wait", "60"], environment: given });
}

/** What the desktop said when it was started again. */
let started;

export default {
  "a one-time address lets one browser in, once": async (test) => {
    const { url } = await command(test, "desktop", "open");
    const person = await test.person({ base: desktop(test) });
    const page = await person.open("/");
    await page.getByText("link-peeler desktop open").waitFor();
    await page.goto(url);
    await page.getByRole("heading", { name: "Status" }).waitFor();
    const other = await test.person({ base: desktop(test) });
    await (await other.open(url)).getByText("has been used").waitFor();
  },

  "a job is seen as it comes, and what a stranger wrote is text": async (test) => {
    const person = await owner(test);
    const page = await person.open("/jobs");
    const hostile = `${test.given.labUrl}/cookie-gate?q=%3Cimg%20src=x%20onerror=document.title='owned'%3E&x=<b>bold</b>`;
    await check(test, hostile);
    const row = page.getByRole("link", { name: /cookie-gate/ }).first();
    await row.waitFor();
    await row.click();
    await page.getByRole("region", { name: "Conclusion" }).waitFor();
    assert.equal(await page.locator("main b, main img").count(), 0);
    assert.notEqual(await page.title(), "owned");
  },

  "a pause is seen on the page at once, whoever asks for it": async (test) => {
    const person = await owner(test);
    const page = await person.open("/");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Take jobs again" }).waitFor();
    assert.equal((await command(test, "desktop", "status")).paused, true);
    await command(test, "desktop", "resume");
    await page.getByRole("button", { name: "Pause" }).waitFor();
  },

  "without scripts everything can be done": async (test) => {
    const person = await owner(test, { scripts: false });
    let page = await person.open("/");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Take jobs again" }).click();
    await page.getByRole("button", { name: "Pause" }).waitFor();

    page = await person.open("/contexts");
    await page.getByLabel("Name").fill("de mobile");
    await page.getByLabel("Address", { exact: true }).fill("socks5://me:canary-word@127.0.0.1:9");
    await page.getByRole("button", { name: "Add the proxy" }).click();
    await page.getByText("A name has 1 to 64").first().waitFor();
    await page.getByLabel("Name").fill("de");
    // Its owner vouches for it: it stands on this machine, and no name resolves here.
    await page.getByLabel("Address", { exact: true }).fill("socks5://me:canary-word@127.0.0.1:9#public");
    await page.getByRole("button", { name: "Add the proxy" }).click();
    await page.getByRole("button", { name: "Test de" }).click();
    await page.getByRole("region", { name: "Proxies" }).getByText("context unavailable").waitFor();
    assert.ok(!(await page.content()).includes("canary-word"), "a password is shown nowhere");
    await page.getByRole("button", { name: "Remove de" }).click();
    await page.getByText("No proxy yet").waitFor();

    page = await person.open("/guard");
    await page.getByRole("textbox", { name: "Exception" }).fill("10.0.0.0/8");
    await page.getByRole("button", { name: "Let it pass" }).click();
    await page.getByText("is no exception").first().waitFor();
    await page.getByRole("textbox", { name: "Exception" }).fill("127.0.0.1:4321");
    await page.getByRole("button", { name: "Let it pass" }).click();
    await page.getByRole("button", { name: "Remove 127.0.0.1:4321" }).click();
    await page.getByText("Remove 127.0.0.1:4321").waitFor({ state: "detached" });
  },

  "a key's secret is shown once, with callers that work as they are": async (test) => {
    const person = await owner(test);
    const page = await person.open("/keys");
    await page.getByLabel("Name").fill("the script <b>");
    await page.getByLabel("Test", { exact: true }).check();
    await page.getByRole("button", { name: "Make the key" }).click();
    const secret = await page.locator("#secret").innerText();
    assert.match(secret, /^lps_/);
    for (const id of ["caller-python", "caller-node", "caller-curl"]) {
      const caller = await page.locator(`#${id}`).textContent();
      const { out, err } = await test.act("shell", { script: caller });
      assert.match(out, /"?(jobId|state)"?/, `${id}: ${out}${err}`);
    }
    await page.reload();
    await page.getByText("It has been shown").waitFor();
    assert.ok(!(await page.content()).includes(secret));
    await page.goto("/keys");
    await page.getByRole("link", { name: "Revoke the script <b>" }).click();
    await page.getByRole("button", { name: "Revoke the key" }).click();
    await page.getByText("revoked").first().waitFor();
  },

  "a key gets another secret, and both sign for a while": async (test) => {
    const page = await (await owner(test)).open("/keys");
    const caller = async () => {
      await page.getByText("Keep the secret now").waitFor();
      await test.looks(page);
      return page.locator("#caller-node").textContent();
    };
    const status = async (script) => (await test.act("shell", { script })).out.slice(0, 3);
    await page.getByText("Limits: what it may do").click();
    for (const box of ["Have links resolved", "Read jobs, rows", "Cancel jobs"]) await page.getByLabel(box).uncheck();
    await page.getByLabel("Only from these addresses").fill("nowhere");
    await page.getByLabel("Name").fill("turned");
    await page.getByRole("button", { name: "Make the key" }).click();
    await page.getByText("Tick at least one").first().waitFor();
    await page.getByText("“nowhere”").first().waitFor();
    await page.getByLabel("Have links resolved").check();
    await page.getByLabel("Only from these addresses").fill("127.0.0.0/8");
    await page.getByLabel("Good for").selectOption("A year");
    await page.getByRole("button", { name: "Make the key" }).click();
    const first = await caller();
    const rotate = async (overlap) => {
      await page.goto("/keys");
      await page.getByRole("link", { name: "Rotate turned" }).click();
      await page.getByLabel(overlap).check();
      await page.getByRole("button", { name: "Rotate the key" }).click();
      return caller();
    };
    const second = await rotate("An hour");
    assert.deepEqual([await status(first), await status(second)], ["202", "202"]);
    await page.goto("/keys");
    await page.getByRole("row", { name: /turned/ }).getByText("the old secret too").waitFor();
    const third = await rotate("Not at all");
    assert.deepEqual([await status(second), await status(third)], ["401", "202"]);
  },

  "a stranger's page has no effect, whatever it sends": async (test) => {
    const person = await owner(test, { loud: true });
    const before = await command(test, "desktop", "status");
    // The same machine under the same name: the cookie's site, and yet another origin. And another site.
    for (const stranger of [test.given.labUrl, test.given.labUrl.replace("127.0.0.1", "localhost")]) {
      const page = await person.context.newPage();
      await page.goto(`${stranger}/`);
      const seen = await page.evaluate(async (own) => {
        const form = { method: "POST", body: new URLSearchParams("turn=on"), mode: "no-cors", credentials: "include" };
        const told = [];
        for (const path of ["/pause", "/leave", "/history/clear", "/settings/autostart"]) {
          const answer = await fetch(own + path, form).catch((error) => ({ type: `${error}` }));
          told.push(answer.type);
        }
        const read = await fetch(`${own}/`, { credentials: "include" }).then((answer) => answer.text(), () => "unreadable");
        const socket = await new Promise((resolve) => {
          const one = new WebSocket(own.replace("http", "ws") + "/live/status");
          one.onopen = () => resolve("open");
          one.onerror = () => resolve("closed");
        });
        const frame = document.createElement("iframe");
        frame.src = `${own}/`;
        const framed = new Promise((resolve) => { frame.onload = resolve; });
        document.body.append(frame);
        await framed;
        const inside = (() => { try { return frame.contentDocument?.body?.innerText ?? "out of reach"; } catch { return "out of reach"; } })();
        const script = await new Promise((resolve) => {
          const one = document.createElement("script");
          one.src = `${own}/jobs`;
          one.onload = () => resolve("ran");
          one.onerror = () => resolve("refused");
          document.body.append(one);
        });
        return { told, read, socket, inside, script };
      }, desktop(test));
      assert.ok(seen.told.every((type) => type !== "basic" && type !== "cors"), JSON.stringify(seen));
      assert.deepEqual([seen.read, seen.socket, seen.script], ["unreadable", "closed", "refused"], JSON.stringify(seen));
      assert.ok(!seen.inside.includes("Status"), seen.inside);
      await page.evaluate((own) => {
        const form = Object.assign(document.createElement("form"), { method: "post", action: `${own}/pause` });
        document.body.append(form);
        form.submit();
      }, desktop(test));
      await page.getByRole("heading", { name: "Turned away" }).waitFor();
      await page.close();
    }
    const after = await command(test, "desktop", "status");
    assert.deepEqual([after.paused, after.deviceId], [before.paused, before.deviceId]);
    const page = await person.open("/jobs");
    await page.getByRole("heading", { name: "Lately" }).waitFor();
    assert.ok((await page.getByRole("link", { name: /cookie-gate/ }).count()) > 0, "still let in, and nothing forgotten");
  },

  "the keyboard reaches everything, and one sees where it is": async (test) => {
    const page = await (await owner(test)).open("/guard");
    const reached = await test.tabThrough(page);
    for (const wanted of [/Skip to the content/, /Status/, /Let it pass/, /Leave/]) assert.ok(reached.some((label) => wanted.test(label)), `${wanted} in ${reached}`);
  },

  "every page, seen by everybody": async (test) => {
    const person = await owner(test);
    const index = await (await test.person()).context.newPage();
    await index.goto(`${test.given.labUrl}/`);
    const links = await index.locator("a").evaluateAll((all) => all.map((one) => one.href));
    for (const link of links.slice(0, 4)) await check(test, link);
    const page = await person.open("/jobs");
    const href = await page.getByRole("link", { name: /cookie-gate/ }).first().getAttribute("href");
    const pages = { status: "/", jobs: "/jobs", job: href, keys: "/keys", contexts: "/contexts", guard: "/guard", log: "/log", settings: "/settings" };
    for (const path of Object.values(pages)) await test.everywhere(person, path);
    await test.everywhere(await test.person({ base: desktop(test) }), "/");
  },

  "what was checked is there after a restart": async (test) => {
    test.given = started = await test.act("restart");
    const page = await (await owner(test)).open("/jobs");
    await page.getByRole("link", { name: /cookie-gate/ }).first().click();
    await page.getByRole("heading", { name: "The chain" }).waitFor();
  },

  "what is left to do is done without scripts, and no page was left out": async (test) => {
    test.given = started;
    const person = await owner(test, { scripts: false });
    const page = await person.open("/contexts");
    await page.getByLabel("Accept-Language").fill("de-DE");
    await page.getByRole("button", { name: "Save" }).last().click();
    await page.getByRole("button", { name: "Save" }).first().click();
    await page.goto("/log");
    await page.getByText("changed user agents and language").first().waitFor();
    await page.goto("/history/clear");
    await page.getByRole("button", { name: "Forget them" }).click();
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
    assert.equal(await page.getByRole("link", { name: /cookie-gate/ }).count(), 0);
    await page.getByRole("button", { name: "Dark" }).click();
    assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
    await page.getByRole("button", { name: "Leave" }).click();
    await page.getByText("link-peeler desktop open").waitFor();
    // `up` does not start at login (linking.mjs turns that on and off), and makes no pictures (away.mjs looks at one).
    const elsewhere = ["POST /settings/autostart", "GET /jobs/{job_id}/screenshot.webp"];
    const left = test.unvisited(test.given.routes).map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(left.filter((route) => !elsewhere.includes(route)), [], "visit these in a case of desktop.mjs");
  },
};
