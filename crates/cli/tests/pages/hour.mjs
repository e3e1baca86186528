// A newcomer's first hour: nobody reads a document, each page says what comes next. The pictures of docs/first-hour.md are
// of these pages as they come.
import assert from "node:assert/strict";
import { atDesktop, follow, labLink, linkDesktop, setUp, signIn } from "./people.mjs";

/** What the newcomer's own links are, as far as this hour goes. */
const CAMPAIGN = "refresh-mix";
/** A device that was revoked is refused within this time on every relay. */
const REFUSED_WITHIN_MILLISECONDS = 1_000;

const picture = (test, page, name) => test.looks(page, test.given.pictures ? { name: `first-hour/${name}` } : {});
const verdict = (page) => page.getByRole("region", { name: "Conclusion" });

export const buildUp = true;

export default {
  "from nothing to a result that one understands": async (test) => {
    const { owner, page } = await setUp(test, { look: (page) => picture(test, page, "set-up") });
    await picture(test, page, "first-steps");

    // The desktop is started as the page says, and shows its code on a page of its own.
    const toStart = await page.locator("#link-desktop").innerText();
    assert.equal(toStart.trim(), `link-peeler desktop --relay ${test.given.base}`);
    const { said } = await test.act("desktop start", { name: "office" });
    const desktop = await atDesktop(test, "office");
    assert.equal(await desktop.page.locator("#user-code").innerText(), said.userCode);
    await picture(test, desktop.page, "code");

    await page.getByRole("link", { name: "approve it here" }).click();
    await page.getByLabel("Code that the desktop shows").fill(said.userCode);
    await page.getByRole("button", { name: "Go on" }).click();
    assert.equal(await page.locator("#code").innerText(), said.userCode);
    await picture(test, page, "approve");
    await page.getByRole("button", { name: "Link it" }).click();
    await page.getByText("office is linked").waitFor();
    await desktop.page.getByRole("heading", { name: "Status" }).waitFor();
    await desktop.page.getByText("Linked and at work").waitFor();
    await desktop.page.getByText("at work", { exact: true }).waitFor();
    await picture(test, desktop.page, "desktop");

    // A first link, and its job as it goes.
    const job = await follow(owner, labLink(test, CAMPAIGN), "spring sale");
    await verdict(job).waitFor();
    await job.getByRole("heading", { name: "The chain" }).waitFor();
    await picture(test, job, "result");

    // A key, and the caller that the page has ready, with a link of one's own in the place of the example.
    const keys = desktop.page;
    await keys.getByRole("link", { name: "API keys" }).click();
    await keys.getByLabel("Name").fill("my script");
    await keys.getByRole("button", { name: "Make the key" }).click();
    await keys.getByText("Keep the secret now").waitFor();
    await picture(test, keys, "key");
    const caller = (await keys.locator("#caller-node").textContent()).replace("https://example.com/", labLink(test, CAMPAIGN));
    const ran = await test.act("shell", { script: caller });
    assert.match(ran.out, /^202 /, `${ran.out}${ran.err}`);
    const [jobId] = ran.out.match(/job_[0-9a-f]+/);

    // What became of it: the row, and the job with the way that it went.
    const rows = await owner.open(`${owner.home}/jobs/${jobId}`);
    await verdict(rows).waitFor();
    await rows.getByRole("heading", { name: "The chain" }).waitFor();
    await rows.goto(`${owner.home}/rows`);
    await rows.getByRole("link", { name: "offer-001" }).waitFor();
    await picture(test, rows, "rows");
    await rows.getByRole("link", { name: "offer-001" }).click();
    await verdict(rows).waitFor();
    await picture(test, rows, "row");
    await rows.goto(`${owner.home}/start`);
    assert.equal(await rows.locator("li.done").count(), 4, "every step is done");
    await rows.goto(owner.home);
    await rows.getByRole("heading", { name: "Overview" }).waitFor();
    await picture(test, rows, "overview");
  },

  "a desktop is revoked while it works, and another goes on": async (test) => {
    const owner = await signIn(test, "ada@company.example");
    await linkDesktop(test, owner, "studio");
    // Only the first takes jobs now.
    const studio = await atDesktop(test, "studio");
    await studio.page.getByRole("button", { name: "Pause" }).click();
    await studio.page.getByRole("button", { name: "Take jobs again" }).waitFor();
    const job = await follow(owner, test.given.siteUrl, "held");
    await test.act("site asked", { times: 1 });
    await job.getByText("A desktop is following the link").waitFor();
    await studio.page.getByRole("button", { name: "Take jobs again" }).click();
    await studio.page.getByRole("button", { name: "Pause" }).waitFor();

    const devices = await owner.open(`${owner.home}/devices`);
    const office = devices.getByRole("row", { name: /office/ });
    await office.getByRole("link", { name: "held" }).waitFor();
    await picture(test, devices, "devices");
    await office.getByRole("link", { name: "Rename or revoke" }).click();
    await devices.getByRole("heading", { name: "Revoke this desktop?" }).waitFor();
    const { length } = await test.act("desktop says", { name: "office", event: "retrying", times: 0 });
    const refused = test.act("desktop says", { name: "office", event: "retrying", times: length + 1 }).then(() => Date.now());
    const revoked = devices.waitForResponse((answer) => answer.url().endsWith("/revoke")).then(() => Date.now());
    await devices.getByRole("button", { name: "Revoke" }).click();
    const milliseconds = (await refused) - (await revoked);
    assert.ok(milliseconds < REFUSED_WITHIN_MILLISECONDS, `refused after ${milliseconds} ms`);
    await devices.getByRole("row", { name: /studio/ }).waitFor();
    assert.equal(await devices.getByRole("row", { name: /office.*Rename/ }).count(), 0);

    await test.act("site asked", { times: 2 });
    await devices.reload();
    await devices.getByRole("row", { name: /studio/ }).getByRole("link", { name: "held" }).waitFor();
    await test.act("site open");
    await verdict(job).waitFor();
    await test.act("desktop says", { name: "studio", event: "settled", jobId: job.url().match(/job_[0-9a-f]+/)[0] });

    // It is told on its own pages, and can do nothing any more.
    const { code, err } = await test.act("run", { of: "office", arguments: ["keys", "list", "--json"] });
    assert.notEqual(code, 0);
    assert.match(err, /revoked|not linked|signature/i);
    const gone = await atDesktop(test, "office");
    await gone.page.getByText(/revoked/i).first().waitFor();
    await picture(test, gone.page, "revoked");
    await gone.person.context.close();
    await test.act("desktop stop", { name: "office" });

    // What was checked here can be read while the relay is away.
    await owner.context.close();
    await test.act("relay kill");
    await studio.page.getByText("The relay does not answer", { exact: true }).waitFor();
    await studio.page.goto("/jobs");
    await studio.page.getByRole("link", { name: /offer/ }).first().click();
    await studio.page.getByRole("heading", { name: "The chain" }).waitFor();
    await test.act("relay start");
    await studio.page.goto("/");
    await studio.page.getByText("Linked and at work").waitFor();
  },
};
