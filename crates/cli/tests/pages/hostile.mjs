// What strangers try from outside: with their own pages in the operator's browser, with names that lead here, with a link
// that the desktop's browser follows, and with text in each field that comes from them.
import assert from "node:assert/strict";
import { formulas } from "./harness/spreadsheet.mjs";
import { atDesktop, command, follow, labLink, linkDesktop, setUp } from "./people.mjs";
import { Stranger } from "./stranger.mjs";

/** A value for each field of our forms that would change something. */
const FIELDS = {
  email: "eve@evil.test", name: "Eve", passphrase: "correct horse battery", repeated: "correct horse battery", current: "correct horse battery",
  role: "owner", act: "skip", reason: "evil", row: "live/csv/mine", url: "http://evil.test/", domain: "evil.test", parameters: "evil",
  accepted: "http://evil.test/", csv: "row,url\nevil,http://evil.test/\n", step: "go", theme: "dark", back: "/", turn: "on", label: "evil",
  environment: "live", exception: "127.0.0.1:1", language: "xx", desktop_agent: "Evil", mobile_agent: "Evil", submit: "yes", overlap: "0",
};
/** Names under which a stranger's page can be: this machine's own address (so cookies are sent), another name, its own. */
const HOSTS = ["127.0.0.1", "localhost", "evil.test"];
/** Whatever runs sets this. */
const OWNED = "window.owned = 1";
const BIDI = "\u202egnp.exe\u2066";

const world = {};

/** A path of a router with something in its variable parts; for the account and the device, what is there. */
const filled = (path) => path.replace("{account}", world.home.split("/")[2]).replace("{device}", world.device).replaceAll(/\{[^}]+\}/g, "x");
const places = (test, method) => [
  ...test.given.console.map((route) => ({ ...route, origin: test.given.base })),
  ...test.given.desktop.map((route) => ({ ...route, origin: world.desktop })),
].filter((route) => route.method === method && !/\/events$|^\/live\//.test(route.path)).map((route) => route.origin + filled(route.path));

/** Somebody who is signed in to the console and let in by the desktop, in one browser. */
const signedIn = (test) => test.person({ storageState: world.cookies, loud: true });

/** How the services answer what a page posts: as it comes from the network, before the browser withholds it from the page. */
async function answersTo(page) {
  const [asked, answers] = [new Map(), []];
  const devtools = await page.context().newCDPSession(page);
  devtools.on("Network.requestWillBeSent", ({ requestId, request }) => asked.set(requestId, request));
  devtools.on("Network.responseReceivedExtraInfo", ({ requestId, statusCode }) => {
    const { method, url } = asked.get(requestId) ?? {};
    if (method === "POST") answers.push({ url, status: statusCode });
  });
  await devtools.send("Network.enable");
  return answers;
}

/** All that a person could see changed, without the times. */
async function state(test) {
  const person = await test.person({ storageState: world.cookies, loud: true });
  const page = await person.open(`${world.home}/settings`);
  const look = async (urls) => page.evaluate(async (urls) => {
    const texts = await Promise.all(urls.map(async (url) => {
      const answer = await fetch(url);
      const document = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const one of document.querySelectorAll("time, .cell-sub, footer")) one.remove();
      return `${url} ${answer.status} ${document.querySelector("main").textContent}`;
    }));
    return texts;
  }, urls);
  const console = await look(["/rows", "/jobs", "/devices", "/people", "/settings"].map((path) => world.home + path).concat("/me"));
  await page.goto(`${world.desktop}/settings`);
  const desktop = await look(["/contexts", "/guard", "/keys", "/settings"]);
  const { paused, deviceId } = await command(test, "office", "desktop", "status");
  await person.context.close();
  return JSON.stringify([console, desktop, paused, deviceId], null, 1);
}

export const buildUp = true;

export default {
  "somebody works with both sets of pages": async (test) => {
    const { owner } = await setUp(test);
    await linkDesktop(test, owner, "office");
    const { person, page } = await atDesktop(test, "office");
    const status = await command(test, "office", "desktop", "status");
    const job = await follow(owner, labLink(test, "direct"), "mine");
    await job.getByRole("region", { name: "Conclusion" }).waitFor();
    const [console, desktop] = await Promise.all([owner, person].map((one) => one.context.storageState()));
    const cookies = { cookies: [...console.cookies, ...desktop.cookies], origins: [] };
    Object.assign(world, { home: owner.home, desktop: new URL(page.url()).origin, device: status.deviceId, cookies });
    world.stranger = await Stranger.start();
  },

  "another site's forms and requests do nothing": async (test) => {
    const before = await state(test);
    for (const host of HOSTS) {
      // Without a referrer, browsers say of a form's origin that it is null.
      for (const referrer of host === "127.0.0.1" ? ["origin", "no-referrer"] : ["no-referrer"]) {
        const person = await signedIn(test);
        world.stranger.page("/", { body: `<!doctype html><meta name=referrer content=${referrer}><title>Stranger</title><h1>Look</h1>` });
        const page = await person.open(world.stranger.url("/", host));
        const answers = await answersTo(page);
        const targets = places(test, "POST");
        assert.ok(targets.length > 30);
        await page.evaluate(async ({ targets, fields }) => {
          const body = () => new URLSearchParams(fields);
          for (const target of targets) {
            const ways = [
              { method: "POST", body: body() },
              { method: "POST", body: body().toString(), headers: { "content-type": "text/plain" } },
              { method: "POST", body: new Blob([body().toString()]) },
            ];
            for (const way of ways) await fetch(target, { ...way, mode: "no-cors", credentials: "include" }).catch(() => {});
            // Asks first by CORS, and is granted nothing.
            for (const method of ["PUT", "PATCH", "DELETE"]) await fetch(target, { method, credentials: "include" }).catch(() => {});
            await fetch(target, { headers: { "x-http-method-override": "POST" }, credentials: "include" }).catch(() => {});
            await fetch(`${target}?_method=POST&${body()}`, { mode: "no-cors", credentials: "include" }).catch(() => {});
            const frame = Object.assign(document.createElement("iframe"), { name: "hidden" });
            const loaded = new Promise((resolve) => { frame.onload = resolve; });
            document.body.append(frame);
            for (const enctype of ["application/x-www-form-urlencoded", "text/plain"]) {
              const form = Object.assign(document.createElement("form"), { method: "post", action: target, target: "hidden", enctype });
              for (const [name, value] of Object.entries(fields)) form.append(Object.assign(document.createElement("input"), { name, value }));
              document.body.append(form);
              HTMLFormElement.prototype.submit.call(form);
              form.remove();
            }
            await loaded;
            frame.remove();
          }
        }, { targets, fields: { ...FIELDS, account: world.home.split("/")[2] } });
        const heard = answers.filter(({ status }) => status < 400 || status >= 500);
        assert.deepEqual(heard, [], `${host}, ${referrer}`);
        assert.ok(answers.length >= targets.length, "they were sent");
        // As a page of its own: the browser goes there, and nothing has happened.
        await page.evaluate((action) => {
          const form = Object.assign(document.createElement("form"), { method: "post", action });
          document.body.append(form);
          HTMLFormElement.prototype.submit.call(form);
        }, `${test.given.base}${world.home}/devices/${world.device}/revoke`);
        await page.waitForURL("**/revoke");
        await person.context.close();
      }
    }
    assert.equal(await state(test), before);
  },

  "a name that was made to point here shows nothing and does nothing": async (test) => {
    const before = await state(test);
    for (const origin of [test.given.base, world.desktop]) {
      const { port } = new URL(origin);
      const person = await signedIn(test);
      const page = await person.open(`http://rebind.test:${port}/`);
      assert.ok(!/Overview|Status|Sign in/.test(await page.locator("main").innerText()), await page.locator("main").innerText());
      const mine = (url) => url.startsWith(origin);
      const told = await page.evaluate(async ({ reads, posts, fields }) => {
        const status = (path, how) => fetch(path, how).then((answer) => answer.status, () => 0);
        const all = [];
        for (const path of reads) all.push(await status(path));
        for (const path of posts) all.push(await status(path, { method: "POST", body: new URLSearchParams(fields) }));
        return all;
      }, {
        reads: places(test, "GET").filter(mine).map((url) => url.slice(origin.length)).filter((path) => !path.startsWith("/assets/")),
        posts: places(test, "POST").filter(mine).map((url) => url.slice(origin.length)),
        fields: FIELDS,
      });
      assert.ok(told.length > 20 && told.every((status) => status === 421 || status === 403), JSON.stringify(told));
      await person.context.close();
    }
    assert.equal(await state(test), before);
  },

  "no page of ours is shown in a frame, and no stranger reads one": async (test) => {
    const urls = places(test, "GET").filter((url) => !url.includes("/assets/"));
    for (const host of HOSTS) {
      const person = await signedIn(test);
      const page = await person.open(world.stranger.url("/", host));
      const read = await page.evaluate(async (urls) => {
        const seen = await Promise.all(urls.map(async (url) => {
          const text = await fetch(url, { credentials: "include" }).then((answer) => answer.text(), () => "");
          await Promise.all(["iframe", "embed", "object"].map((kind) => new Promise((resolve) => {
            const one = document.createElement(kind);
            one[kind === "object" ? "data" : "src"] = url;
            one.onload = one.onerror = resolve;
            document.body.append(one);
            setTimeout(resolve, 3_000);
          })));
          return text;
        }));
        return seen.filter((text) => text !== "");
      }, urls);
      assert.deepEqual(read, [], host);
      const framed = page.frames().slice(1).map((frame) => frame.url()).filter((url) => !url.startsWith("chrome-error:") && url !== "about:blank" && url !== "");
      assert.deepEqual(framed, [], host);
      const opened = await page.evaluate(async (url) => {
        const other = window.open(url);
        await new Promise((resolve) => setTimeout(resolve, 500));
        try { return other ? `${other.closed} ${other.document?.title}` : "blocked"; } catch { return "out of reach"; }
      }, `${test.given.base}${world.home}/settings`);
      assert.ok(!opened.includes("Link Peeler"), opened);
      await person.context.close();
    }
  },

  "a link that the desktop's browser follows reaches neither the desktop nor the relay": async (test) => {
    const before = await state(test);
    const targets = [`${world.desktop}/pause`, `${test.given.base}${world.home}/devices/${world.device}/revoke`];
    const attack = `<!doctype html><title>Offer</title><h1>An offer</h1><script>(async () => {
      const targets = ${JSON.stringify(targets)};
      for (const target of targets) {
        await fetch(target, { method: "POST", mode: "no-cors", body: new URLSearchParams({ turn: "on" }) }).catch(() => {});
        new Image().src = target;
        document.body.append(Object.assign(document.createElement("iframe"), { src: new URL("/", target).href }));
        try { new WebSocket(target.replace("http", "ws")); } catch {}
        navigator.sendBeacon(target, new URLSearchParams({ turn: "on" }));
      }
      location.href = "/landed";
    })();</script>`;
    world.stranger.page("/attack", { body: attack });
    for (const target of targets) world.stranger.page(`/to-${new URL(target).port}`, { status: 302, headers: { location: target } });
    // The owner has allowed this very site; what it leads to is not allowed by that.
    const { page } = await atDesktop(test, "office");
    await page.goto(`${world.desktop}/guard`);
    await page.getByRole("textbox", { name: "Exception" }).fill(`127.0.0.1:${world.stranger.port}`);
    await page.getByRole("button", { name: "Let it pass" }).click();
    await page.getByRole("button", { name: `Remove 127.0.0.1:${world.stranger.port}` }).waitFor();
    const owner = await signedIn(test);
    owner.home = world.home;
    const job = await follow(owner, world.stranger.url("/attack"), "attack");
    await job.getByRole("region", { name: "Conclusion" }).waitFor();
    assert.ok(world.stranger.asked.includes("/landed"), "a browser has run the script");
    for (const target of targets) {
      const led = await follow(owner, world.stranger.url(`/to-${new URL(target).port}`), `led to ${new URL(target).port}`);
      await led.getByRole("region", { name: "Conclusion" }).getByText(/refused/i).first().waitFor();
    }
    await page.getByRole("button", { name: `Remove 127.0.0.1:${world.stranger.port}` }).click();
    await page.getByText("Nothing").or(page.getByRole("textbox", { name: "Exception" })).first().waitFor();
    const log = await page.goto(`${world.desktop}/log`).then(() => page.getByRole("main").innerText());
    assert.ok(!/turned .* away/.test(log));
    const after = await state(test);
    const others = (text) => JSON.parse(text).flat().filter((one) => !/^\/console\/\w+\/(rows|jobs|settings) /.test(String(one)));
    assert.deepEqual(others(after), others(before), "nothing but the jobs of this case is new");
  },

  "what strangers write is text, on every page and in every file": async (test) => {
    const html = `<img src=x onerror="${OWNED}"><b data-evil>bold</b>`;
    const words = `${html} ${BIDI} =1+1`;
    const evil = world.stranger;
    const asHeader = (text) => Buffer.from(text).toString("latin1");
    const cookie = `evil=${encodeURIComponent(html)}; path=/`;
    const landing = { headers: { "set-cookie": cookie }, body: `<!doctype html><title>${words.replaceAll("<", "&lt;")}</title><h1>${"An offer. ".repeat(20)}</h1>` };
    evil.page("/land", landing);
    evil.page("/hop", { status: 302, reason: "<b data-evil>Found</b>", headers: { "set-cookie": cookie, location: asHeader(`/land?x=<b data-evil>&y=${BIDI}#<script>`) } });
    evil.page("/script", { status: 302, headers: { location: `javascript:${OWNED}` } });
    evil.page("/data", { status: 302, headers: { location: `data:text/html,<script>${OWNED}</script>` } });
    evil.page("/meta", { body: `<!doctype html><meta http-equiv=refresh content='0;url=javascript:${OWNED}'><title>x</title><p>${"words ".repeat(40)}` });
    const owner = await signedIn(test);
    owner.home = world.home;
    const { page: desktop } = await atDesktop(test, "office");
    await desktop.goto(`${world.desktop}/guard`);
    await desktop.getByRole("textbox", { name: "Exception" }).fill(`127.0.0.1:${evil.port}`);
    await desktop.getByRole("button", { name: "Let it pass" }).click();
    const rows = { hop: `=cmd|'/C calc'!A0 ${html}`, script: `@SUM(1+1) ${BIDI}`, data: "-2+3", meta: "+1" };
    const jobs = [];
    for (const [path, row] of Object.entries(rows)) {
      const job = await follow(owner, evil.url(`/${path}?a=<b data-evil>&b=${encodeURIComponent(BIDI)}`), row);
      await job.getByRole("region", { name: "Conclusion" }).waitFor();
      jobs.push(new URL(job.url()).pathname);
      await job.close();
    }
    // Names that people of the account write are no more than text either.
    const devices = await owner.open(`${world.home}/devices/${world.device}`);
    await devices.getByLabel("What people call it").fill(`office ${html}`);
    await devices.getByRole("button", { name: "Rename" }).click();
    await devices.getByText("data-evil").first().waitFor();
    const csv = `row;url;offer\n"=HYPERLINK(""http://evil.test"",""x"")";${evil.url("/land")};"${html.replaceAll('"', '""')}"\n`;
    await devices.goto(`${world.home}/rows/import`);
    await devices.getByLabel("CSV", { exact: true }).fill(csv);
    await devices.getByRole("button", { name: "Go on" }).click();
    await test.until("the preview is text", () => devices.getByText("data-evil").first().isVisible());
    await devices.getByLabel("Offer name").selectOption({ label: "offer" });
    await devices.getByRole("button", { name: "Look again" }).click();
    await devices.getByRole("button", { name: "Import 1 rows" }).click();
    await devices.getByText("imported and queued").waitFor();

    let dialogs = 0;
    owner.context.on("dialog", (dialog) => { dialogs += 1; dialog.dismiss(); });
    const links = await owner.open(`${world.home}/rows`);
    const rowPaths = await links.locator("a.cell-main").evaluateAll((all) => all.map((one) => one.getAttribute("href")));
    assert.ok(rowPaths.length >= 6);
    const console = ["", "/rows", "/jobs", "/devices", "/audit", "/requests", "/start"].map((path) => world.home + path);
    const paths = [...console, ...rowPaths, ...jobs].map((path) => test.given.base + path);
    const own = ["/", "/jobs", "/log", ...jobs.map((path) => path.replace(/.*(\/jobs\/)/, "$1"))].map((path) => world.desktop + path);
    for (const url of [...paths, ...own]) {
      await links.goto(url);
      const found = await links.evaluate(() => ({
        ran: window.owned,
        made: document.querySelectorAll("[data-evil], main img[src=x], main script, [onerror]").length,
        links: [...document.querySelectorAll("a[href], form[action], [formaction]")]
          .map((one) => one.getAttribute("href") ?? one.getAttribute("action") ?? one.getAttribute("formaction"))
          .filter((target) => !/^(https?:|\/|#|\?)/i.test(target)),
        // Text that changes the direction of what follows it stands alone, or is shown by its number.
        bidi: [...document.querySelectorAll("main *")].filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && /[\u202a-\u202e\u2066-\u2069]/.test(node.data))
          && !one.closest("bdi, [dir], code, pre, textarea") && getComputedStyle(one).unicodeBidi === "normal").map((one) => one.outerHTML.slice(0, 120)),
      }));
      assert.deepEqual({ ...found, bidi: undefined }, { ran: undefined, made: 0, links: [], bidi: undefined }, url);
      assert.deepEqual(found.bidi, [], url);
    }
    assert.equal(dialogs, 0);

    // A spreadsheet program reads formulas where there are some, and finds none in what we give out.
    assert.equal(formulas("row,url\n=1+1,x\n").length, 1, "it would have found one");
    const exported = await links.goto(`${test.given.base}${world.home}/rows`).then(() => links.evaluate((url) => fetch(url).then((answer) => answer.text()), `${world.home}/rows/export.csv`));
    assert.ok(exported.includes("cmd|") && exported.includes("HYPERLINK"));
    assert.deepEqual(formulas(exported), []);
    for (const line of exported.split(/\r?\n/)) assert.ok(!/(^|,)"?[=+@\t\r-]/.test(line), line);
  },

  "the stranger goes": async () => world.stranger.stop(),
};
