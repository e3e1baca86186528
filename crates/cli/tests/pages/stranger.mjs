// A stranger's site, on a port of this machine: pages with whatever somebody wants, answered as they want it.
import { createServer } from "node:http";

export class Stranger {
  #server;
  #pages = new Map();
  /** Paths that were asked for. */
  asked = [];

  static async start() {
    const one = new Stranger();
    one.#server = createServer((request, answer) => {
      const path = request.url.split("?")[0];
      one.asked.push(path);
      const page = one.#pages.get(path) ?? { body: "<!doctype html><title>Stranger</title><h1>A page</h1>" };
      answer.writeHead(page.status ?? 200, page.reason ?? "OK", { "content-type": "text/html; charset=utf-8", ...page.headers });
      answer.end(page.body ?? "");
    });
    await new Promise((resolve) => one.#server.listen(0, "127.0.0.1", resolve));
    return one;
  }

  get port() {
    return this.#server.address().port;
  }

  url(path = "/", host = "127.0.0.1") {
    return `http://${host}:${this.port}${path}`;
  }

  /** What it answers at a path: `{status, reason, headers, body}`. */
  page(path, answer) {
    this.#pages.set(path, answer);
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
