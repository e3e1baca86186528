// What one case of a script works with: people with a browser of their own, and what every page of ours must keep to.
// There is no way to wait for a length of time: wait for a locator, a URL, or `until`.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** The widths that every page must fit, in CSS pixels: a laptop and a small telephone. */
export const WIDTHS = [1280, 390];
const HEIGHTS = { 1280: 900, 390: 844 };
/** What axe must ask again when nothing but the colours is another. */
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];
/** Pictures: small enough for a repository. CSS pixels, and the quality of WebP. */
const TALLEST_PICTURE = 1_600;
const PICTURE_QUALITY = 70;
/** What has been visited by any case: a method, a space and a path, where the answer was no refusal. */
const VISITED = new Set();
const UNTIL_MILLISECONDS = Number(process.env.LINK_PEELER_PATIENCE ?? 30_000);

export class Case {
  #browser;
  #act;
  #docs;
  #contexts = [];
  #troubles = [];

  constructor(browser, { given, docs }, act) {
    this.#browser = browser;
    this.#act = act;
    this.#docs = docs;
    /** What the test handed over: addresses, names, secrets. */
    this.given = given;
  }

  /**
   * Somebody with a fresh browser. `like` copies another's cookies; `loud` says that errors in the console and answers of
   * 500 are what this case is about; `base` is where relative addresses lead.
   */
  async person({ base = this.given.base, width = 1280, dark = false, scripts = true, like, loud = false, ...more } = {}) {
    const context = await this.#browser.newContext({
      baseURL: base,
      viewport: { width, height: HEIGHTS[width] ?? 900 },
      colorScheme: dark ? "dark" : "light",
      javaScriptEnabled: scripts,
      storageState: like && (await like.context.storageState()),
      // Live parts are shown as they will be, not on their way.
      reducedMotion: "reduce",
      locale: "en-GB",
      ...more,
    });
    context.setDefaultTimeout(UNTIL_MILLISECONDS);
    this.#contexts.push(context);
    this.#note(context);
    if (!loud) this.#listen(context);
    return new Person(context);
  }

  /** Asks the Rust test to do something to the programs under test; its answer. */
  act(name, given) {
    return this.#act(name, given);
  }

  /** Fails with a readable list when axe finds something on the page. */
  async axe(page, { ignore = [], only } = {}) {

    if (!(await page.evaluate("Boolean(window.axe)"))) await page.evaluate(await source());
    const rules = Object.fromEntries(ignore.map((rule) => [rule, { enabled: false }]));
    const runOnly = only ? { type: "rule", values: only } : { type: "tag", values: AXE_RULES };
    const options = { runOnly, rules, resultTypes: ["violations"] };
    const { violations } = await page.evaluate((given) => window.axe.run(document, given), options);
    const told = violations.map(({ id, impact, help, nodes }) => {
      const places = nodes.map(({ target, html }) => `    ${target.join(" ")}  ${html.slice(0, 160)}`);
      return [`  ${id} (${impact}): ${help}`, ...places].join("\n");
    });
    if (told.length > 0) throw new Error(`axe finds on ${page.url()}:\n${told.join("\n")}`);
  }

  /** Fails when the page must be scrolled sideways, and names what sticks out. */
  async fits(page) {
    const sticksOut = await page.evaluate(() => {
      const width = document.documentElement.clientWidth;
      // On a phone commands are read without scrolling them sideways.
      const cut = width > 640 ? [] : [...document.querySelectorAll("pre")].filter((one) => one.scrollWidth > one.clientWidth);
      if (cut.length > 0) return cut.slice(0, 5).map((one) => one.outerHTML.slice(0, 120));
      if (document.documentElement.scrollWidth <= width) return [];
      const wide = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > width + 0.5);
      return wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 120));
    });
    if (sticksOut.length > 0) throw new Error(`${page.url()} is wider than its window:\n  ${sticksOut.join("\n  ")}`);
  }

  /** A picture of the page for the documents, `docs/NAME.webp`, when the test run was asked for pictures. */
  async shot(page, name) {
    if (!this.#docs) return;
    const path = join(this.#docs, `${name}.webp`);
    mkdirSync(dirname(path), { recursive: true });
    const tall = await page.evaluate(() => {
      document.activeElement?.blur();
      return document.documentElement.scrollHeight;
    });
    // A window as tall as the page: what sticks to the window's edges is where one would see it.
    const { width } = page.viewportSize();
    const height = Math.min(tall, TALLEST_PICTURE);
    await page.setViewportSize({ width, height });
    const devtools = await page.context().newCDPSession(page);
    const asked = { format: "webp", quality: PICTURE_QUALITY };
    writeFileSync(path, Buffer.from((await devtools.send("Page.captureScreenshot", asked)).data, "base64"));
    await devtools.detach();
  }

  /**
   * Looks at a page as everybody may see it: each width, light and dark. It must fit and axe must find nothing. The light
   * ones are pictures, called `NAME-WIDTH.webp`. The page stays as it was.
   */
  async looks(page, { name, ignore } = {}) {
    const before = page.viewportSize();
    // axe is a script, and so finds nothing where none runs.
    const scripts = page.context()._options.javaScriptEnabled !== false;
    // A script that is run for another reason, such as another database, looks once.
    for (const width of this.given.looksOnce ? WIDTHS.slice(1) : WIDTHS) {
      await page.setViewportSize({ width, height: HEIGHTS[width] });
      for (const dark of this.given.looksOnce ? [false] : [false, true]) {
        await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
        await this.fits(page);
        if (scripts) await this.axe(page, { ignore, only: dark ? COLOUR_RULES : undefined });
        if (name && !dark) await this.shot(page, `${name}-${width}`);
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(before);
  }

  /** [`looks`] at the page of a path; `ready` waits for what must be there first. */
  async everywhere(person, path, { ready, ...more } = {}) {
    const page = await person.open(path);
    await ready?.(page);
    await this.looks(page, more);
    await page.close();
  }

  /**
   * Goes through a page by the Tab key alone. Returns what had the focus, in order; fails when something that has it looks
   * just as without it, or when the focus is caught.
   */
  async tabThrough(page) {
    const reached = [];
    await page.evaluate(() => document.activeElement?.blur());
    for (let presses = 0; presses < 200; presses += 1) {
      await page.keyboard.press("Tab");
      const now = await page.evaluate(() => {
        const one = document.activeElement;
        if (!one || one === document.body) return undefined;
        // A date has several places of its own.
        if (one === window.tabbedLast) return { within: true };
        if (one.dataset.tabbed) return { again: true };
        one.dataset.tabbed = "yes";
        window.tabbedLast = one;
        const look = ({ outline, boxShadow, border, backgroundColor, textDecoration }) =>
          [outline, boxShadow, border, backgroundColor, textDecoration].join("|");
        const focused = look(getComputedStyle(one));
        const styled = getComputedStyle(one).outlineStyle !== "none" && parseFloat(getComputedStyle(one).outlineWidth) > 0;
        one.blur();
        const plain = look(getComputedStyle(one));
        one.focus();
        return { label: (one.innerText || one.value || one.getAttribute("aria-label") || one.name || one.tagName).trim(), visible: styled || focused !== plain };
      });
      if (now === undefined || now.again) return reached;
      if (now.within) continue;
      if (!now.visible) throw new Error(`${page.url()}: nothing shows that "${now.label}" has the focus`);
      reached.push(now.label);
    }
    throw new Error(`${page.url()}: 200 presses of Tab lead nowhere`);
  }

  /** Looks again and again until `look` gives something. */
  async until(what, look) {
    for (const began = Date.now(); Date.now() - began < UNTIL_MILLISECONDS; ) {
      const found = await look();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`waited ${UNTIL_MILLISECONDS} ms until ${what}`);
  }

  /** Fails when a page complained, failed, or asked another host for something. */
  assertQuiet() {
    if (this.#troubles.length > 0) throw new Error(`the pages were not quiet:\n  ${this.#troubles.join("\n  ")}`);
  }

  async close() {
    await Promise.all(this.#contexts.map((context) => context.close()));
  }

  /** Those of these routes (`{method, path}`, with braces around what varies) that no case of the script has visited. */
  unvisited(routes) {
    const visited = [...VISITED];
    return routes.filter(({ method, path }) => {
      const pattern = new RegExp(`^${method} ${path.replaceAll(/[.]/g, "\\.").replaceAll(/\{[^}]+\}/g, "[^/]+")}$`);
      return !visited.some((visit) => pattern.test(visit));
    });
  }

  #note(context) {
    context.on("response", (answer) => {
      if (answer.status() < 400) VISITED.add(`${answer.request().method()} ${new URL(answer.url()).pathname}`);
    });
  }

  #listen(context) {
    const trouble = (text) => this.#troubles.push(text);
    context.on("weberror", (error) => trouble(`script: ${error.error()}`));
    context.on("console", (message) => {
      // An answer of 4xx is a refusal, which a case may be about; what a page may not do shows as another error.
      const isRefusal = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
      // A page that is left gives up what it has just asked for.
      const isLeft = message.text().startsWith("htmx: htmx:error: Failed to fetch");
      if (message.type() === "error" && !isRefusal && !isLeft) trouble(`console: ${message.text()} (${message.location().url})`);
    });
    context.on("response", (answer) => {
      if (answer.status() >= 500) trouble(`${answer.status()}: ${answer.request().method()} ${answer.url()}`);
    });
    context.on("request", (request) => {
      const from = request.frame().url();
      const goesElsewhere = from.startsWith("http") && new URL(request.url()).origin !== new URL(from).origin;
      if (goesElsewhere && !request.isNavigationRequest()) trouble(`asks another host: ${request.url()} (from ${from})`);
    });
  }
}

class Person {
  constructor(context) {
    this.context = context;
    this.base = context._options.baseURL;
  }

  /** Opens a page and waits until it is there. */
  async open(path) {
    const page = await this.context.newPage();
    await page.goto(path, { waitUntil: "load" });
    return page;
  }
}

let axeSource;
async function source() {
  const { readFile } = await import("node:fs/promises");
  axeSource ??= await readFile(AXE, "utf8");
  return axeSource;
}
