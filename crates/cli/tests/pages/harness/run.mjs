// Runs the cases of one script in a real Chromium and says how each ended. Started by `script.rs`, which reads what is
// said here, one JSON object a line:
//   {"case", "ok", "milliseconds", "error"}   a case ended
//   {"act", "with"}                           the script asks the test to do something; the answer is one line of stdin
// The first line of stdin is the order: {script, given, docs, only, browserArguments}.
import { delimiter, join } from "node:path";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { Case } from "./case.mjs";

// A case that hangs is ended and named: generous, since a busy machine is no fault.
const CASE_MILLISECONDS = 180_000;
const PROGRAMS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
const ARGUMENTS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const heard = async () => JSON.parse((await lines.next()).value);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

async function act(name, given = {}) {
  say({ act: name, with: given });
  return heard();
}

function installedBrowser() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const places = PROGRAMS.flatMap((program) => folders.map((folder) => join(folder, program)));
  const found = places.find(existsSync);
  if (!found) throw new Error(`none of ${PROGRAMS.join(", ")} is installed`);
  return found;
}

async function inTime(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${CASE_MILLISECONDS} ms`)), CASE_MILLISECONDS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const order = await heard();
// Cases of a script that says so build on each other: after one has failed, the others say nothing.
const { default: cases, buildUp = false } = await import(order.script);
// Root cannot use Chromium's sandbox, and the pages are our own.
const launch = { executablePath: installedBrowser(), headless: true, chromiumSandbox: false, args: [...ARGUMENTS, ...order.browserArguments] };
const browser = await chromium.launch(launch);
for (const [name, run] of Object.entries(cases)) {
  if (order.only && !name.includes(order.only)) continue;
  const began = Date.now();
  const test = new Case(browser, order, act);
  let error;
  try {
    await inTime(run(test));
    test.assertQuiet();
  } catch (thrown) {
    error = thrown?.stack ?? String(thrown);
  }
  await test.close();
  say({ case: name, ok: error === undefined, milliseconds: Date.now() - began, error });
  if (error !== undefined && buildUp) break;
}
await browser.close();
process.exit(0);
