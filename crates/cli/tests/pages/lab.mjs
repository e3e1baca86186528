// The lab's index, and the harness itself: that it finds what it should find.
import assert from "node:assert/strict";

const BROKEN = "<title>x</title><div style='width:3000px'>wide</div><img src='data:,'><button></button>";

export default {
  "the index names every case, with scripts and without": async (test) => {
    for (const scripts of [true, false]) {
      const person = await test.person({ scripts });
      const page = await person.open("/");
      assert.ok((await page.getByRole("link").count()) >= test.given.cases);
    }
  },

  "a page that breaks the rules is named with its faults": async (test) => {
    const page = await (await test.person({ width: 390 })).open("/");
    await page.setContent(BROKEN);
    await assert.rejects(test.fits(page), /wider than its window[^]*3000px/);
    await assert.rejects(test.axe(page), /image-alt[^]*<img/);
  },

  "a page that complains or asks another host is not quiet": async (test) => {
    const page = await (await test.person()).open("/");
    await page.evaluate(() => console.error("woe"));
    await page.evaluate(() => fetch("http://127.0.0.1:1/").catch(() => {}));
    assert.throws(() => test.assertQuiet(), /woe[^]*asks another host/);
    test.assertQuiet = () => {};
  },

  "the test does what a script asks for": async (test) => {
    assert.deepEqual(await test.act("knock", { times: 2 }), { did: "knock", with: { times: 2 } });
  },
};
