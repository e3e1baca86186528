// People of the scripts: who comes into the console and to a desktop's pages, and how.
import assert from "node:assert/strict";

/** A passphrase that is taken. */
export const PASSPHRASE = "correct horse battery";

/** Opens the set-up link and becomes the owner. `look` sees the form before it is sent. */
export async function setUp(test, { look, ...options } = {}) {
  const owner = await test.person(options);
  const page = await owner.open(test.given.setupUrl);
  await page.getByLabel("Email address").fill("ada@company.example");
  await page.getByLabel("Your name").fill("Ada");
  await page.getByLabel("Passphrase", { exact: true }).fill(PASSPHRASE);
  await page.getByLabel("The same again").fill(PASSPHRASE);
  await look?.(page);
  await page.getByRole("button", { name: "Become the owner" }).click();
  await page.getByRole("heading", { name: "First steps" }).waitFor();
  owner.home = new URL(page.url()).pathname.replace(/\/start$/, "");
  return { owner, page };
}

/** Signs in on a page that asks for it, and leads to `home`. */
export async function signIn(test, email, options = {}) {
  const person = await test.person(options);
  const page = await person.open("/sign-in");
  await page.getByLabel("Email address").fill(email);
  await page.getByLabel("Passphrase").fill(PASSPHRASE);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").waitFor();
  person.home = new URL(page.url()).pathname.match(/^\/console\/[^/]+/)[0];
  await page.close();
  return person;
}

/** Runs a command of ours in the data folder of a desktop or the relay, and reads the JSON that it prints. */
export async function command(test, of, ...given) {
  const { code, out, err } = await test.act("run", { of, arguments: [...given, "--json"] });
  assert.equal(code, 0, err);
  return JSON.parse(out);
}

/** Somebody in front of the machine of a desktop, with its first page. */
export async function atDesktop(test, name, options = {}) {
  const { url } = await command(test, name, "desktop", "open");
  const person = await test.person({ ...options, base: new URL(url).origin });
  const page = await person.open(url);
  await page.waitForURL((now) => now.pathname === "/");
  return { person, page };
}

/** Starts a desktop, and has somebody approve its code in the console. `look` sees the question. */
export async function linkDesktop(test, owner, name, look) {
  const { said } = await test.act("desktop start", { name });
  const page = await owner.open(`${owner.home}/devices`);
  await page.getByLabel("Code that the desktop shows").fill(said.userCode);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("heading", { name: "Link this desktop?" }).waitFor();
  assert.equal(await page.locator("#code").innerText(), said.userCode);
  await page.getByText(name, { exact: true }).waitFor();
  await look?.(page);
  await page.getByRole("button", { name: "Link it" }).click();
  await page.getByText(`${name} is linked`).waitFor();
  await test.act("desktop says", { name, event: "started" });
  await page.close();
}

/** Asks for a link to be followed, by the form of the first steps. The page of its job. */
export async function follow(owner, url, row) {
  const page = await owner.open(`${owner.home}/start`);
  await page.getByLabel("Tracking URL").fill(url);
  await page.getByLabel("Row id").fill(row);
  await page.getByRole("button", { name: "Follow it" }).click();
  await page.waitForURL("**/jobs/job_*");
  return page;
}

/** The tracking URL of a case of the lab. */
export function labLink(test, name) {
  return test.given.lab.find((link) => link.name === name).trackingUrl;
}
