// Linking, as a newcomer sees it: the code, its approval, and the desktop at work.
import assert from "node:assert/strict";

async function command(test, ...given) {
  const { code, out, err } = await test.act("run", { arguments: given, inData: true, environment: { LINK_PEELER_RELAY: test.given.relay } });
  assert.equal(code, 0, err);
  return out;
}

export default {
  "the code is shown large, and once it is approved the desktop works": async (test) => {
    const status = await test.until("there is a code", async () => {
      const { code, out } = await test.act("run", { arguments: ["desktop", "status", "--json"], inData: true });
      return code === 0 && JSON.parse(out).userCode && JSON.parse(out);
    });
    const person = await test.person({ base: new URL(status.pagesUrl).origin });
    const page = await person.open(JSON.parse(await command(test, "desktop", "open", "--json")).url);
    await page.getByRole("heading", { name: "Link this machine" }).waitFor();
    assert.equal(await page.locator("#user-code").innerText(), status.userCode);
    await test.everywhere(person, "/");
    const without = await test.person({ like: person, base: person.base, scripts: false });
    const plain = await without.open("/");
    await plain.getByRole("link", { name: "look again" }).waitFor();
    await command(test, "link", "approve", status.userCode);
    await page.getByRole("heading", { name: "Status" }).waitFor();
    await plain.getByRole("link", { name: "look again" }).click();
    await plain.getByRole("heading", { name: "Status" }).waitFor();
    assert.equal(JSON.parse(await command(test, "desktop", "status", "--json")).stage, "linked");
  },

  "starting at login is turned on and off without scripts": async (test) => {
    const { url } = JSON.parse(await command(test, "desktop", "open", "--json"));
    const person = await test.person({ base: new URL(url).origin, scripts: false });
    const page = await person.open(url);
    // The one-time URL leads on by itself; whoever goes elsewhere meanwhile is overtaken.
    await page.getByRole("heading", { name: "Status" }).waitFor();
    await page.goto("/settings");
    for (const [turn, next] of [["Turn on", "Turn off"], ["Turn off", "Turn on"]]) {
      await page.getByRole("button", { name: turn }).click();
      await page.getByRole("button", { name: next }).waitFor();
    }
  },

  "a command does the same": async (test) => {
    assert.equal(JSON.parse((await test.act("run", { arguments: ["desktop", "autostart", "status", "--json"] })).out).autostart, "off");
    const on = JSON.parse((await test.act("run", { arguments: ["desktop", "autostart", "on", "--json"] })).out);
    assert.equal(on.autostart, "on");
    assert.match(on.command, /desktop$/);
    assert.match(on.place, /systemd|LaunchAgents|Run/);
    assert.equal(JSON.parse((await test.act("run", { arguments: ["desktop", "autostart", "off", "--json"] })).out).autostart, "off");
  },
};
