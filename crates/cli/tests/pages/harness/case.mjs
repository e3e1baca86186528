// What one case of a script works with: people with a browser of their own, and what every page of ours must keep to.
// There is no way to wait for a length of time: wait for a locator, a URL, or `until`.
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** The widths that every page must fit, in CSS pixels: a laptop and a small telephone. */
export const WIDTHS = [1280, 390];
const HEIGHTS = { 1280: 900, 390: 844 };
const UNTIL_MILLISECONDS = 30_000;

export class Case {
  #browser;
  #act;
  #screens;
  #contexts = [];
  #troubles = [];

  constructor(browser, { given, screens }, act) {
    this.#browser = browser;
    this.#act = act;
    this.#screens = screens;
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
    this.#contexts.push(context);
    if (!loud) this.#listen(context);
    return new Person(context);
  }

  /** Asks the Rust test to do something to the programs under test; its answer. */
  act(name, given) {
    return this.#act(name, given);
  }

  /** Fails with a readable list when axe finds something on the page. */
  async axe(page, { ignore = [] } = {}) {
    if (!(await page.evaluate("Boolean(window.axe)"))) await page.evaluate(await source());
    const rules = Object.fromEntries(ignore.map((rule) => [rule, { enabled: false }]));
    const options = { runOnly: { type: "tag", values: AXE_RULES }, rules, resultTypes: ["violations"] };
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
      if (document.documentElement.scrollWidth <= width) return [];
      const wide = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > width + 0.5);
      return wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 120));
    });
    if (sticksOut.length > 0) throw new Error(`${page.url()} is wider than its window:\n  ${sticksOut.join("\n  ")}`);
  }

  /** A picture of the whole page for the documents, when the test run was asked for pictures. */
  async shot(page, name) {
    if (!this.#screens) return;
    mkdirSync(this.#screens, { recursive: true });
    await page.screenshot({ path: join(this.#screens, `${name}.png`), fullPage: true, animations: "disabled" });
  }

  /**
   * Looks at a page as everybody may see it: each width, light and dark. It must fit and axe must find nothing; `ready`
   * waits for what must be there first. Pictures are called `NAME-WIDTH-light.png`.
   */
  async everywhere(person, path, { name, ready, ignore } = {}) {
    for (const width of WIDTHS) {
      for (const dark of [false, true]) {
        const other = await this.person({ like: person, base: person.base, width, dark });
        const page = await other.open(path);
        await ready?.(page);
        await this.fits(page);
        await this.axe(page, { ignore });
        if (name) await this.shot(page, `${name}-${width}-${dark ? "dark" : "light"}`);
        await other.context.close();
      }
    }
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
        if (one.dataset.tabbed) return { again: true };
        one.dataset.tabbed = "yes";
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

  #listen(context) {
    const trouble = (text) => this.#troubles.push(text);
    context.on("weberror", (error) => trouble(`script: ${error.error()}`));
    context.on("console", (message) => {
      // An answer of 4xx is a refusal, which a case may be about; what a page may not do shows as another error.
      const isRefusal = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
      if (message.type() === "error" && !isRefusal) trouble(`console: ${message.text()} (${message.location().url})`);
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
