// The desktop's pages while its relay is away: what is on this machine can be read, and what goes on is said.
import assert from "node:assert/strict";
import { atDesktop, command, follow, labLink, linkDesktop, setUp } from "./people.mjs";

const said = (page, text) => page.getByText(text).first().waitFor();
const hops = (page) => page.locator("ol.hops > li");

export const buildUp = true;

export default {
  "what was checked here is read without the relay, picture and all, also after a restart": async (test) => {
    const { owner } = await setUp(test);
    await linkDesktop(test, owner, "office");
    await command(test, "office", "keys", "create", "--label", "nightly");
    const job = await follow(owner, labLink(test, "script-location"), "seen");
    await job.getByRole("region", { name: "Conclusion" }).waitFor();
    await hops(job).first().waitFor();
    const way = await hops(job).count();

    // A page whose program has gone says so in the console.
    const { person, page } = await atDesktop(test, "office", { loud: true });
    await said(page, "Linked and at work");
    await test.act("relay kill");
    await said(page, "The relay does not answer");
    await page.getByText("relay away", { exact: true }).waitFor();
    await test.looks(page);

    const read = async (here) => {
      const jobs = await here.open("/jobs");
      await jobs.getByRole("link", { name: labLink(test, "script-location") }).click();
      await jobs.getByRole("region", { name: "Conclusion" }).waitFor();
      assert.equal(await hops(jobs).count(), way, "the same way as in the console");
      await test.until("the picture is there", () => jobs.locator("figure img").evaluate((one) => one.complete && one.naturalWidth > 0));
      await test.looks(jobs);
      const keys = await here.open("/keys");
      await said(keys, "As this machine knew them last");
      await keys.getByRole("row", { name: /nightly/ }).getByText("active").waitFor();
      await test.looks(keys);
      await keys.getByLabel("Name").fill("not now");
      await keys.getByRole("button", { name: "Make the key" }).click();
      await keys.getByRole("heading", { name: "The key was not made" }).waitFor();
      await test.looks(keys);
    };
    // A refusal because the relay is away is an answer of 502, which is what this is about.
    await read(await test.person({ like: person, base: person.base, loud: true }));

    await test.act("desktop stop", { name: "office" });
    await test.act("desktop start", { name: "office" });
    const again = await atDesktop(test, "office", { loud: true });
    await said(again.page, "The relay does not answer");
    await read(again.person);
    await test.act("relay start");
    await said(again.page, "Linked and at work");
  },

  "a desktop that was started again and has nothing to do says at once that the relay answers": async (test) => {
    for (const paused of [false, true]) {
      await command(test, "office", "desktop", paused ? "pause" : "resume");
      await test.act("desktop stop", { name: "office" });
      await test.act("desktop start", { name: "office" });
      const { page } = await atDesktop(test, "office", { loud: true });
      await page.getByText("the last request was answered").waitFor();
      await said(page, paused ? "Paused: it takes no new jobs" : "Linked and at work");
    }
    await command(test, "office", "desktop", "resume");
  },

  "the keyboard alone does what a hand on the mouse does": async (test) => {
    const { person, page } = await atDesktop(test, "office");
    for (const path of ["/", "/jobs", "/keys", "/contexts", "/guard", "/log", "/settings"]) {
      await page.goto(path);
      const reached = await test.tabThrough(page);
      for (const wanted of [/Skip to the content/, /Status/, /Settings/, /Leave/]) assert.ok(reached.some((label) => wanted.test(label)), `${path}: ${wanted} in ${reached}`);
    }
    const to = async (name, keyboard = page) => {
      await test.until(`${name} has the focus`, async () => {
        await keyboard.keyboard.press("Tab");
        return keyboard.evaluate((wanted) => {
          const one = document.activeElement;
          return [one?.innerText, one?.getAttribute("aria-label"), one?.labels?.[0]?.innerText].some((text) => text?.trim() === wanted);
        }, name);
      });
    };
    await page.goto("/");
    await to("Pause");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Take jobs again" }).waitFor();
    await to("Take jobs again");
    await page.keyboard.press("Space");
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await to("API keys");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "API keys" }).first().waitFor();
    await to("Name");
    await page.keyboard.type("by hand");
    await page.keyboard.press("Enter");
    await said(page, "Keep the secret now");
    await to("I have kept it");
    await page.keyboard.press("Enter");
    await page.getByRole("row", { name: /by hand/ }).waitFor();
    await to("Revoke by hand");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Revoke this API key?" }).waitFor();
    await to("Revoke the key");
    await page.keyboard.press("Enter");
    await page.getByRole("row", { name: /by hand/ }).getByText("revoked").waitFor();
    await person.context.close();
  },
};
