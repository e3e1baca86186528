// The console as each of those sees it who may: every page, every action, live, and with what strangers wrote. What the
// router knows and no case visits fails the last case.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { PASSPHRASE, command, follow, labLink, linkDesktop, setUp, signIn } from "./people.mjs";

const OWNER = "ada@company.example";
const OPERATOR = "otto@company.example";
const VIEWER = "vera@company.example";
const CSV = (link) => `campaign;click url;landing domain;offer\nimported-1;${link};;Shoes\nimported-2;${link};shop.example;=1+1\n`;
/** A change is on the page within this time of the relay's own event. */
const SEEN_WITHIN_MILLISECONDS = 1_000;

const verdict = (page) => page.getByRole("region", { name: "Conclusion" });
const said = (page, text) => page.getByText(text).first().waitFor();
const heading = (page, name) => page.getByRole("heading", { name }).first().waitFor();
const press = (page, name) => page.getByRole("button", { name, exact: true }).first().click();
/** The people of this script come in once; `test.person({ like })` is the same in a fresh browser. */
const signedIn = new Map();

async function as(test, email, options = {}) {
  if (!signedIn.has(email)) {
    const person = await signIn(test, email);
    signedIn.set(email, { home: person.home, cookies: await person.context.storageState() });
  }
  const { home, cookies } = signedIn.get(email);
  const person = await test.person({ ...options, storageState: cookies });
  return Object.assign(person, { home });
}

async function invite(test, owner, email, role) {
  const page = await owner.open(`${owner.home}/people`);
  await page.getByLabel("Email address").fill(email);
  await page.getByLabel(role, { exact: true }).check();
  await press(page, "Make an invitation");
  await said(page, `${email} is invited`);
  return page.locator("#invitation").innerText();
}

async function accept(test, link, name, options = {}) {
  const person = await test.person(options);
  const page = await person.open(link);
  await test.looks(page);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Passphrase", { exact: true }).fill(PASSPHRASE);
  await page.getByLabel("The same again").fill(PASSPHRASE);
  await press(page, "Accept");
  await page.getByRole("navigation").waitFor();
}

/** Goes by the button of the sign-in page to the provider, and signs in there as `login`; without one only goes there. */
async function atProvider(test, login, options = {}) {
  // The provider's pages ask for a font from elsewhere.
  const person = await test.person({ ...options, loud: true });
  const page = await person.open("/sign-in?next=/me");
  await page.getByRole("link", { name: "Sign in with the Provider" }).click();
  await page.getByPlaceholder("Enter any login").waitFor();
  if (login) {
    await page.getByPlaceholder("Enter any login").fill(login);
    await page.getByPlaceholder("and password").fill("any");
    await page.getByRole("button", { name: "Sign-in" }).click();
    await page.getByRole("button", { name: "Continue" }).click();
  }
  return page;
}

/** Ticks rows of the table and does something with them. */
async function act(page, rows, deed) {
  for (const row of rows) await page.getByRole("row", { name: new RegExp(row) }).getByRole("checkbox").check();
  await press(page, deed);
}

export const buildUp = true;

export default {
  "nobody is in yet, and the set-up link works once": async (test) => {
    await test.everywhere(await test.person(), "/sign-in");
    await test.everywhere(await test.person(), "/setup?token=none");
    const { owner } = await setUp(test, { look: (page) => test.looks(page) });
    signedIn.set(OWNER, { home: owner.home, cookies: await owner.context.storageState() });
    await said(await (await test.person()).open(test.given.setupUrl), "opens nothing any more");
  },

  "people are invited, come in, and are given roles": async (test) => {
    const owner = await as(test, OWNER);
    await accept(test, await invite(test, owner, OPERATOR, "operator"), "Otto", { scripts: false });
    await accept(test, await invite(test, owner, VIEWER, "owner"), "Vera");
    await invite(test, owner, "nobody@company.example", "viewer");
    const page = await owner.open(`${owner.home}/people`);
    await test.looks(page);
    await page.getByRole("row", { name: /nobody@/ }).getByRole("button", { name: "Withdraw" }).click();
    await page.getByText("nobody@").waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Vera" }).click();
    await test.looks(page);
    await page.getByLabel("viewer", { exact: true }).check();
    await press(page, "Change the role");
    await page.getByRole("row", { name: /Vera.*viewer/ }).waitFor();
    // The last owner stays.
    await page.getByRole("main").getByRole("link", { name: "Ada" }).click();
    await press(page, "Remove");
    await said(page, "The last owner stays");
    await accept(test, await invite(test, owner, "gone@company.example", "operator"), "Gus");
    await page.goto(`${owner.home}/people`);
    await page.getByRole("link", { name: "Gus" }).click();
    await press(page, "Remove");
    await page.getByText("Gus").waitFor({ state: "detached" });
  },

  "people come in through a provider, and whom no account wants does not": async (test) => {
    const owner = await as(test, OWNER);
    await invite(test, owner, "bea@company.example", "viewer");
    for (const scripts of [true, false]) {
      const page = await atProvider(test, "bea", { scripts });
      await page.waitForURL((now) => now.pathname === "/me");
      await said(page, "bea@company.example");
    }
    const stranger = await atProvider(test, "eve");
    await said(stranger, "not_invited");
    await test.looks(stranger);
    // Whoever has said no there is not taken for a fault of ours.
    const unsure = await atProvider(test, undefined);
    await unsure.getByRole("link", { name: "Cancel" }).click();
    await unsure.waitForURL((now) => now.pathname.startsWith("/sign-in"));
    await test.looks(unsure);
    await unsure.getByRole("link", { name: "To the sign-in" }).click();
    await heading(unsure, "Sign in");
    const page = await owner.open(`${owner.home}/people`);
    await page.getByRole("link", { name: "bea of the provider" }).click();
    await press(page, "Remove");
    await page.getByText("bea of the provider").waitFor({ state: "detached" });
  },

  "a desktop is approved, and another is denied": async (test) => {
    const owner = await as(test, OWNER);
    await test.everywhere(owner, "/link");
    await linkDesktop(test, owner, "office", (page) => test.looks(page));
    const { said: shown } = await test.act("desktop start", { name: "stranger" });
    const page = await (await as(test, OPERATOR, { scripts: false })).open(`/link?code=${shown.userCode}`);
    await press(page, "Deny it");
    await said(page, "stranger is denied");
  },

  "links go in by hand and from a file, with scripts and without": async (test) => {
    for (const scripts of [true, false]) {
      const person = await as(test, scripts ? OWNER : OPERATOR, { scripts });
      const job = await follow(person, labLink(test, "refresh-mix"), `typed-${scripts}`);
      await test.until("the job has ended", async () => {
        if (!scripts) await job.reload();
        return (await verdict(job).count()) > 0;
      });
      const page = await person.open(`${person.home}/rows/import`);
      if (scripts) {
        await page.getByLabel("Choose or drop a CSV file").setInputFiles({ name: "x.csv", mimeType: "text/csv", buffer: Buffer.from("row,url\n,nothing\n") });
        await test.until("the file is in the field", async () => (await page.locator("#csv").inputValue()).includes("nothing"));
        await press(page, "Go on");
        await said(page, "1 of 1 lines cannot be read");
        await test.looks(page);
        await page.getByRole("link", { name: "Begin again" }).click();
      }
      await page.getByLabel("CSV", { exact: true }).fill(CSV(labLink(test, "direct")).replaceAll("imported", `imported-${scripts}`));
      await press(page, "Go on");
      await page.getByLabel("Row id").selectOption({ label: "campaign" });
      await page.getByLabel("Tracking URL").selectOption({ label: "click url" });
      await page.getByLabel("Offer name").selectOption({ label: "offer" });
      await press(page, "Look again");
      await press(page, "Import 2 rows");
      await said(page, "2 rows imported and queued");
    }
  },

  "rows are skipped, taken in, checked again, accepted and expected of": async (test) => {
    for (const scripts of [true, false]) {
      const person = await as(test, OPERATOR, { scripts });
      const page = await person.open(`${person.home}/rows`);
      const rows = [`imported-${scripts}-1`, `imported-${scripts}-2`];
      await act(page, rows, "Skip");
      await heading(page, "Skip 2 rows?");
      await page.getByLabel("Reason").fill("paused until June");
      if (scripts) await test.looks(page);
      await press(page, "Skip");
      await said(page, "2 rows skipped");
      await act(page, rows, "Take in again");
      await said(page, "2 rows taken in again");
      await act(page, rows, "Check again");
      await said(page, "2 rows will be checked now");
      await act(page, [`typed-${scripts}`], "Accept where it lands");
      await heading(page, /^Accept where/);
      await press(page, "Accept");
      await page.getByRole("link", { name: `typed-${scripts}` }).click();
      await page.getByLabel("Expected domain").fill("shop.example");
      await page.getByLabel("Required parameters").fill("gclid");
      await press(page, "Save");
      await said(page, "Saved");
      await press(page, "Check again");
      await said(page, "1 row will be checked now");
      await test.until("the new expectation is judged", async () => {
        await page.reload();
        return (await verdict(page).getByText(/domain|destination/i).count()) > 0;
      });
      await page.getByRole("link", { name: "Compare" }).first().click();
      await heading(page, /earlier|side|compared/i);
      if (scripts) await test.looks(page);
    }
  },

  "rows are sorted by a click, and on a phone by a choice": async (test) => {
    const wide = await (await as(test, VIEWER, { scripts: false })).open(`${signedIn.get(VIEWER).home}/rows?q=imported`);
    await wide.getByRole("link", { name: "Final URL" }).click();
    await wide.locator('th[aria-sort="ascending"]', { hasText: "Final URL" }).waitFor();
    await wide.getByRole("link", { name: "Final URL" }).click();
    await wide.locator('th[aria-sort="descending"]', { hasText: "Final URL" }).waitFor();
    const narrow = await (await as(test, VIEWER, { width: 390 })).open(`${signedIn.get(VIEWER).home}/rows?q=imported`);
    await narrow.getByLabel("Sorted by").selectOption({ label: "offer, Z to A" });
    await press(narrow, "Show");
    await narrow.waitForURL(/sort=offer-desc/);
    const order = await narrow.locator("a.cell-main").allInnerTexts();
    assert.equal(order.length, 4);
    assert.deepEqual(order.map((row) => row.at(-1)), ["1", "1", "2", "2"], "Shoes before =1+1");
    assert.equal(await narrow.getByLabel("Sorted by").inputValue(), "offer-desc");
    await test.looks(narrow);
  },

  "a caller finds the request by the hash of what was sent": async (test) => {
    const { keyId, secret } = await command(test, "office", "keys", "create", "--label", "caller");
    const send = async (row, broken) => {
      const body = JSON.stringify({ idempotencyKey: row, trackingUrl: labLink(test, "direct"), source: "platform_api", rowId: row });
      const [timestamp, nonce] = [Math.floor(Date.now() / 1000).toString(), crypto.randomUUID()];
      const signed = [timestamp, nonce, broken ? `${body}\n` : body].join(".");
      const signature = crypto.createHmac("sha256", secret).update(signed).digest("hex");
      const headers = { "Content-Type": "application/json", "X-Link-Peeler-Key": keyId, "X-Link-Peeler-Timestamp": timestamp, "X-Link-Peeler-Nonce": nonce, "X-Link-Peeler-Signature": signature };
      const { status } = await fetch(`${test.given.base}/api/links/fetch`, { method: "POST", headers, body });
      return { status, hash: crypto.createHash("sha256").update(body).digest("hex") };
    };
    const good = await send("hashed-1");
    const bad = await send("hashed-2", true);
    assert.deepEqual([good.status, bad.status], [202, 401]);
    const viewer = await as(test, VIEWER, { scripts: false });
    const page = await viewer.open(`${viewer.home}/requests`);
    await said(page, "with a line feed after it");
    for (const { hash } of [good, bad]) {
      await page.getByLabel("About").fill(hash);
      await press(page, "Show");
      await page.getByRole("row").getByText(/^Received /).click();
      await page.getByRole("row").getByText(hash).waitFor();
    }
    assert.ok(!(await page.content()).includes(secret));
    const looked = await as(test, VIEWER);
    const open = await looked.open(`${viewer.home}/requests?about=${good.hash}`);
    await open.getByText(/^Received /).click();
    await test.looks(open);
  },

  "what is expected of many rows is set at once, by those who say what": async (test) => {
    for (const scripts of [true, false]) {
      const person = await as(test, OPERATOR, { scripts });
      const rows = [`imported-${scripts}-1`, `imported-${scripts}-2`];
      const page = await person.open(`${person.home}/rows?q=imported-${scripts}`);
      const both = async (text) => {
        await page.goto(`${person.home}/rows?q=imported-${scripts}`);
        return (await page.getByRole("row").getByText(text, { exact: true }).count()) === 2;
      };
      await act(page, rows, "Expect");
      await heading(page, "What is expected of 2 rows?");
      await press(page, "Save");
      await said(page, "Tick what shall be changed.");
      await page.getByLabel("Change the expected domain").check();
      await page.getByRole("textbox", { name: /^Expected domain/ }).fill("https://shop.example/");
      await page.getByLabel("Change the required parameters").check();
      await page.getByRole("textbox", { name: /^Required parameters/ }).fill("gclid");
      await press(page, "Save");
      await page.getByRole("alert").getByText(/domain/i).first().waitFor();
      assert.ok(await page.getByLabel("Change the required parameters").isChecked(), "what was filled in stays");
      if (scripts) await test.looks(page);
      await page.getByRole("textbox", { name: /^Expected domain/ }).fill("shop.example");
      await press(page, "Save");
      await said(page, "2 rows: saved.");
      await act(page, rows, "Check again");
      await test.until("both are judged by it", () => both("wrong destination"));
      await page.getByRole("link", { name: rows[1] }).click();
      assert.equal(await page.getByLabel("Expected domain").inputValue(), "shop.example");
      assert.equal(await page.getByLabel("Required parameters").inputValue(), "gclid");
      await page.goto(`${person.home}/rows?q=imported-${scripts}`);
      await act(page, rows, "Expect");
      await page.getByLabel("Change the expected domain").check();
      await page.getByLabel("Change the required parameters").check();
      await press(page, "Save");
      await said(page, "2 rows: saved.");
      await act(page, rows, "Check again");
      await test.until("nothing is expected any more", () => both("valid"));
    }
  },

  "rows that drifted are accepted as they land now, many at once": async (test) => {
    const person = await as(test, OPERATOR);
    const rows = ["drifts-1", "drifts-2"];
    const table = `${person.home}/rows?q=drifts-`;
    const page = await person.open(table);
    const landed = async (name, words) => {
      for (const row of rows) {
        const job = await follow(person, labLink(test, name), row);
        await verdict(job).getByText(words, { exact: true }).waitFor();
        await job.close();
      }
      await page.goto(table);
    };
    const accept = async () => {
      await act(page, rows, "Accept where it lands");
      await heading(page, /^Accept where 2 rows/);
      await press(page, "Accept");
      await said(page, "2 rows: where it lands is what is expected now.");
    };
    await landed("direct", "valid");
    await accept();
    await landed("slow-page", "drifted");
    await page.getByLabel("Class").selectOption("review");
    await press(page, "Show");
    for (const row of rows) await page.getByRole("row", { name: new RegExp(row) }).getByText("drifted", { exact: true }).waitFor();
    await accept();
    await page.goto(table);
    await act(page, rows, "Check again");
    await test.until("the new place is the right one", async () => {
      await page.goto(table);
      return (await page.getByRole("row").getByText("valid", { exact: true }).count()) === 2;
    });
  },

  "what is shown goes out as files that spreadsheets take for text": async (test) => {
    const owner = await as(test, OWNER);
    const page = await owner.open(`${owner.home}/rows?q=imported`);
    await page.getByText("Export", { exact: true }).click();
    const files = {};
    for (const [kind, name] of [["csv", /^CSV/], ["json", /^JSON/], ["ndjson", /^NDJSON/]]) {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name }).click()]);
      const chunks = [];
      for await (const chunk of await download.createReadStream()) chunks.push(chunk);
      files[kind] = Buffer.concat(chunks).toString();
      // A download is no document: it is asked for once more, to be seen as an answer.
      assert.equal(await page.evaluate((url) => fetch(url).then((answer) => answer.status), download.url()), 200);
    }
    assert.match(files.csv, /"?'=1\+1/, "a formula is text in a spreadsheet");
    assert.equal(JSON.parse(files.json).length ?? JSON.parse(files.json).rows.length, 4);
    assert.equal(files.ndjson.trim().split("\n").map((line) => JSON.parse(line)).length, 4);
  },

  "a job is seen from queued to concluded, and after the relay was away": async (test) => {
    const owner = await as(test, OWNER, { loud: true });
    await command(test, "office", "desktop", "pause");
    const jobs = await owner.open(`${owner.home}/jobs`);
    const job = await follow(owner, test.given.siteUrl, "held");
    const id = job.url().match(/job_[0-9a-f]+/)[0];
    const row = jobs.getByRole("row", { name: /held/ });
    await row.getByText("queued").waitFor();
    await said(job, "Waits for a desktop");
    const seen = async (what, began) => {
      const took = Date.now() - began;
      assert.ok(took < SEEN_WITHIN_MILLISECONDS, `${what} was seen after ${took} ms`);
    };
    // The desktop's own word comes after the relay's event: what is seen within a second of it is so of the event.
    await command(test, "office", "desktop", "resume");
    await test.act("desktop says", { name: "office", event: "leased", jobId: id });
    let began = Date.now();
    await Promise.all([row.getByText("leased").waitFor(), said(job, "A desktop is following the link")]);
    await seen("that it was leased", began);

    await test.act("relay kill");
    await test.act("relay start");
    await test.act("site open");
    await test.act("desktop says", { name: "office", event: "settled", jobId: id });
    // Browsers and desktops come back by themselves, each at its own pace.
    await Promise.all([verdict(job).waitFor(), row.getByText("valid").waitFor()]);

    const next = await follow(owner, labLink(test, "direct"), "after the restart");
    const nextId = next.url().match(/job_[0-9a-f]+/)[0];
    await test.act("desktop says", { name: "office", event: "settled", jobId: nextId });
    began = Date.now();
    await Promise.all([verdict(next).waitFor(), jobs.getByRole("row", { name: /after the restart.*valid/s }).waitFor()]);
    await seen("that it was concluded", began);
    await test.until("the other page is as it would be anew", async () => {
      const fresh = await owner.open(`${owner.home}/jobs`);
      const [one, other] = await Promise.all([jobs, fresh].map((page) => page.locator("#live-jobs tbody tr").count()));
      await fresh.close();
      return one === other;
    });
    assert.equal(await jobs.evaluate(() => performance.getEntriesByType("navigation").length), 1, "without loading it again");
  },

  "whoever has no right to it sees no button, and whoever signed out is told": async (test) => {
    const viewer = await as(test, VIEWER);
    for (const path of ["", "/rows", "/jobs", "/devices", "/keys", "/people", "/settings", "/start", "/requests", "/audit"]) {
      const page = await viewer.open(`${viewer.home}${path}`);
      await page.getByRole("main").waitFor();
      const forms = await page.locator("main form[method=post]").evaluateAll((all) => all.map((form) => form.getAttribute("action")));
      assert.deepEqual(forms, [], path);
      await page.close();
    }
    const refused = await viewer.open(`${viewer.home}/rows/import`);
    await said(refused, /operator/i);
    const leaver = await signIn(test, VIEWER);
    const jobs = await leaver.open(`${leaver.home}/jobs`);
    const other = await leaver.open(leaver.home);
    await press(other, "Sign out");
    await heading(other, "Sign in");
    await jobs.reload();
    await heading(jobs, "Sign in");
  },

  "keys are revoked, and the owner says where scripts read and how long checks are kept": async (test) => {
    const { keyId } = await command(test, "office", "keys", "create", "--label", "nightly");
    const owner = await as(test, OWNER, { scripts: false });
    const page = await owner.open(`${owner.home}/keys`);
    await page.getByRole("link", { name: "Revoke nightly" }).click();
    await said(page, keyId);
    await press(page, "Revoke");
    await page.getByRole("row", { name: /nightly/ }).waitFor({ state: "detached" });
    await page.goto(`${owner.home}/settings`);
    await page.getByLabel("Source").selectOption("csv");
    await page.getByLabel("A check stays fresh for").fill("2");
    await page.getByRole("button", { name: "Save" }).first().click();
    await heading(page, "Settings");
    assert.equal(await page.getByLabel("A check stays fresh for").inputValue(), "2");
    assert.equal(await page.getByLabel("Source").inputValue(), "csv");
    await page.getByLabel("Days that checks are kept").fill("60");
    await page.getByRole("button", { name: "Save" }).last().click();
    await heading(page, "Keep checks for 60 days?");
    await page.locator("button.danger").click();
    await heading(page, "Settings");
    assert.equal(await page.getByLabel("Days that checks are kept").inputValue(), "60");
  },

  "a page that a browser has seen is shown": async (test) => {
    const owner = await as(test, OWNER);
    const job = await follow(owner, labLink(test, "script-location"), "seen");
    await job.getByRole("heading", { name: "Screenshot" }).waitFor();
    await test.until("the picture is there", () => job.locator("figure img").evaluate((one) => one.complete && one.naturalWidth > 0));
    await test.looks(job);
  },

  "jobs are cancelled, desktops renamed and revoked": async (test) => {
    const owner = await as(test, OWNER, { scripts: false });
    await command(test, "office", "desktop", "pause");
    const job = await follow(owner, labLink(test, "direct"), "never");
    await test.looks(job);
    await press(job, "Cancel the job");
    await said(job, "Cancelled");
    const page = await owner.open(`${owner.home}/devices`);
    await test.looks(page);
    await page.getByRole("link", { name: "Rename or revoke" }).click();
    await test.looks(page);
    await page.getByLabel("What people call it").fill("the one in the office");
    await press(page, "Rename");
    await page.getByRole("row", { name: /the one in the office/ }).getByRole("link", { name: "Rename or revoke" }).click();
    await press(page, "Revoke");
    await said(page, "1 revoked");
  },

  "every page, seen by everybody": async (test) => {
    const owner = await as(test, OWNER);
    // Pages without a variable part but the account come from the router; the others by the links that lead to them.
    const plain = test.given.routes.filter(({ method, path }) => method === "GET" && !/\{(?!account\})|\.|events$|export$/.test(path) && path.startsWith("/console/"));
    const found = [];
    const look = (path) => test.everywhere(owner, path).catch((fault) => found.push(fault.message));
    for (const { path } of plain) await look(path.replace("/console/{account}", owner.home));
    const rows = await owner.open(`${owner.home}/rows`);
    const hrefs = await rows.locator("a.cell-main").evaluateAll((all) => all.map((one) => one.getAttribute("href")));
    await look(hrefs.find((href) => href.includes("typed-true")));
    const jobs = await owner.open(`${owner.home}/jobs`);
    const job = await jobs.getByRole("row", { name: /typed-true/ }).first().getByRole("link").first().getAttribute("href");
    await look(job);
    const page = await owner.open(job);
    for (const file of [`${job}/evidence.json`, `${owner.home}/audit/export`]) {
      assert.equal(await page.evaluate((url) => fetch(url).then((answer) => answer.status), file), 200, file);
    }
    for (const path of ["/me", "/accounts"]) await look(path);
    assert.equal(found.join("\n"), "");
    const reached = await test.tabThrough(rows);
    for (const wanted of [/Skip to the content/, /Overview/, /Check again/, /Sign out/]) assert.ok(reached.some((label) => wanted.test(label)), `${wanted} in ${reached}`);
  },

  "what fits is done to all of it, on every page, and to nothing else": async (test) => {
    const MANY = 120;
    const lines = Array.from({ length: MANY }, (_, at) => `many-${at},${labLink(test, "direct")}\n`);
    for (const scripts of [true, false]) {
      const person = await as(test, OPERATOR, { scripts });
      const page = await person.open(`${person.home}/rows/import`);
      if (scripts) {
        await page.getByLabel("CSV", { exact: true }).fill(`rowId,trackingUrl\n${lines.join("")}`);
        await press(page, "Go on");
        await press(page, `Import ${MANY} rows`);
        await said(page, `${MANY} rows imported and queued`);
      }
      await page.goto(`${person.home}/rows?q=many-`);
      const all = async (deed) => {
        await page.getByLabel(/^All that fit/).check();
        await press(page, deed);
      };
      await all("Skip");
      await heading(page, `Skip ${MANY} rows?`);
      await page.getByLabel("Reason").fill("the season is over");
      if (scripts) await test.looks(page);
      await press(page, "Skip");
      await said(page, `${MANY} rows skipped.`);
      await page.goto(`${person.home}/rows?class=skipped&q=many-`);
      await all("Expect");
      await heading(page, `What is expected of ${MANY} rows?`);
      await page.getByLabel("Change the expected domain").check();
      await page.getByRole("textbox", { name: /^Expected domain/ }).fill("shop.example");
      await press(page, "Save");
      await said(page, `${MANY} rows: saved.`);
      for (const [deed, asked, done] of [
        ["Take in again", `Take ${MANY} rows in again?`, `${MANY} rows taken in again.`],
        ["Check again", `Check ${MANY} rows again?`, `${MANY} rows will be checked now.`],
      ]) {
        await page.goto(`${person.home}/rows?q=many-`);
        await all(deed);
        await heading(page, asked);
        if (scripts) await test.looks(page);
        await press(page, deed);
        await said(page, done);
      }
      // The last of them, which no first page shows, was among them; others were not.
      await page.goto(`${person.home}/rows?q=many-99`);
      await page.getByRole("link", { name: "many-99" }).click();
      assert.equal(await page.getByLabel("Expected domain").inputValue(), "shop.example");
      await page.goto(`${person.home}/rows?q=typed-true`);
      await page.getByRole("link", { name: "typed-true" }).click();
      assert.equal(await page.getByText("the season is over").count(), 0);
    }
  },

  "the theme, the passphrase and the sessions are one's own": async (test) => {
    await signIn(test, OWNER);
    const owner = await as(test, OWNER, { scripts: false });
    let page = await owner.open("/");
    await page.getByRole("button", { name: "Dark" }).click();
    assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
    page = await owner.open("/me");
    await page.getByRole("button", { name: "End", exact: true }).first().click();
    await heading(page, "You");
    await page.getByLabel("Your passphrase now").fill(PASSPHRASE);
    await page.getByLabel("New passphrase").fill(`${PASSPHRASE} anew`);
    await page.getByLabel("The same again").fill(`${PASSPHRASE} anew`);
    await press(page, "Change the passphrase");
    await heading(page, "You");
    assert.equal(await page.getByRole("button", { name: "End", exact: true }).count(), 0, "every other session has ended");
    await press(page, "Sign out");
    await heading(page, "Sign in");
  },

  "no page and no action was left out": async (test) => {
    const left = test.unvisited(test.given.routes).map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(left, [], "visit these in a case of console.mjs");
  },
};
