// Loads links with playwright-core, each in a fresh context, and prints how long that took. Run by `playwright.rs`.
const { chromium } = require("playwright-core");

const { executable, links, atOnce, waitUntil, page } = JSON.parse(process.argv[process.argv.length - 1]);

async function main() {
  const browser = await chromium.launch({ executablePath: executable, args: ["--disable-gpu", "--disable-dev-shm-usage"] });
  async function load(link) {
    const began = performance.now();
    const context = await browser.newContext();
    const tab = await context.newPage();
    await tab.goto(link, { waitUntil });
    await tab.title();
    const reached = tab.url().includes(page);
    await context.close();
    return { reached, ms: performance.now() - began };
  }
  await load(links[0]);
  const loaded = [];
  let next = 0;
  async function loadNext() {
    while (next < links.length) loaded.push(await load(links[next++]));
  }
  const began = performance.now();
  await Promise.all(Array.from({ length: atOnce }, loadNext));
  const elapsed_ms = performance.now() - began;
  await browser.close();
  const reached = loaded.filter((each) => each.reached).length;
  console.log(JSON.stringify({ reached, elapsed_ms, times_ms: loaded.map((each) => each.ms) }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
