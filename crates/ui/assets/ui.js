// What pages gain where scripts run: the reader's own locale, copying, ticking many, dropping files. Nothing here is
// needed to read a page or to do anything on it. No data leaves the page.
"use strict";
(() => {
  const numbers = new Intl.NumberFormat();
  const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
  const distances = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  const distance = (millis) => {
    const seconds = Math.round((millis - Date.now()) / 1000);
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS[3];
    return distances.format(Math.trunc(seconds / length), unit);
  };

  const tell = (time) => {
    const millis = Date.parse(time.dateTime);
    if (Number.isNaN(millis)) return;
    const text = "relative" in time.dataset ? distance(millis) : moments.format(millis);
    if (time.textContent !== text) time.textContent = text;
    time.title = `${time.dateTime}\n${exact.format(millis)}`;
  };

  const each = (root, selector, act) => {
    if (root.matches?.(selector)) act(root);
    root.querySelectorAll?.(selector).forEach(act);
  };

  // Called for the page, and for every part that arrives later.
  const adorn = (root) => {
    each(root, "time[datetime]", tell);
    each(root, "data.num", (data) => { data.textContent = numbers.format(BigInt(data.value)); });
    each(root, "[data-copy]", (button) => { button.hidden = !navigator.clipboard; });
    each(root, "[data-select-all]", (box) => { box.hidden = false; });
    each(root, "[data-file-into]", (field) => { field.hidden = false; });
    each(root, "[data-focus]", (box) => box.focus());
    count();
  };

  const ticks = () => [...document.querySelectorAll("[data-select]")];
  const count = () => {
    const all = ticks();
    const chosen = all.filter((box) => box.checked).length;
    for (const text of document.querySelectorAll("[data-select-count]")) text.textContent = `${numbers.format(chosen)} selected`;
    for (const box of document.querySelectorAll("[data-select-all]")) {
      box.checked = chosen > 0 && chosen === all.length;
      box.indeterminate = chosen > 0 && chosen < all.length;
    }
  };

  let lastTick = null;
  const tick = (box, event) => {
    const all = ticks();
    if (event.shiftKey && all.includes(lastTick)) {
      const [from, to] = [all.indexOf(lastTick), all.indexOf(box)].sort((a, b) => a - b);
      for (const between of all.slice(from, to + 1)) between.checked = box.checked;
    }
    lastTick = box;
    count();
  };

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    const word = button.querySelector("[data-copy-word]");
    if (!word) return;
    word.textContent = "Copied";
    setTimeout(() => { word.textContent = "Copy"; }, 1500);
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest?.("[data-copy], [data-select-all], [data-select]");
    if (!target) return;
    if (target.matches("[data-copy]")) copy(target);
    else if (target.matches("[data-select]")) tick(target, event);
    else {
      for (const box of ticks()) box.checked = target.checked;
      count();
    }
  });

  // The choice of colours, without a way to the server and back; the cookie is what the server would have set.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const chosen = event.submitter?.value;
    if (!form.matches("[data-theme-choice]") || !["system", "light", "dark"].includes(chosen)) return;
    event.preventDefault();
    document.cookie = `lp_theme=${chosen}; Path=/; Max-Age=31536000; SameSite=Lax`;
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.value === chosen));
  });

  // A slash goes to the search, as long as nobody is typing.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    const search = document.querySelector("[data-search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });

  // A file that is dropped anywhere on a form with a file field.
  const fileField = (event) => event.target.closest?.("form")?.querySelector("input[type=file]");
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      const field = fileField(event);
      if (!field) return;
      event.preventDefault();
      field.classList.add("dropping");
    });
  }
  document.addEventListener("dragleave", (event) => fileField(event)?.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    const field = fileField(event);
    if (!field || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    field.classList.remove("dropping");
    field.files = event.dataTransfer.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
  document.addEventListener("change", async (event) => {
    const target = event.target.closest?.("[data-file-into]")?.dataset.fileInto;
    const file = event.target.files?.[0];
    if (target && file) document.getElementById(target).value = await file.text();
  });

  // Whether the service can be reached: the browser says so for the machine, a stream of events for the service.
  const offline = document.querySelector("[data-offline] > p");
  const reached = (is) => { if (offline) offline.hidden = is; };
  addEventListener("offline", () => reached(false));
  addEventListener("online", () => reached(true));

  // Live parts (ui/src/live.rs) are kept true by htmx; here is what it leaves to the page.
  const isStream = (part) => part.hasAttribute?.("hx-sse:connect");
  // What has been exchanged has the service's numbers and times in it.
  document.addEventListener("htmx:after:swap", (event) => adorn(event.target));
  // The extension connects again when a stream ends, yet not when the first try fails: no stream is there then.
  document.addEventListener("htmx:finally:request", ({ target }) => {
    if (isStream(target)) setTimeout(() => { if (target.isConnected) htmx.trigger(target, "live-retry"); }, 2000);
  });
  // A page that has no such part any more: somebody has signed out, or the service has started anew. It says so itself,
  // unless it is only out of order for a moment.
  document.addEventListener("htmx:before:swap", (event) => {
    const { response, select } = event.detail.ctx;
    const isPart = select ? event.detail.tasks[0]?.fragment.childElementCount > 0 : !response || response.status < 400;
    if (isPart && !(response?.status >= 500)) return;
    event.preventDefault();
    if (!(response.status >= 500)) location.reload();
  });
  document.addEventListener("htmx:sse:after:connection", () => reached(true));
  document.addEventListener("htmx:sse:error", ({ detail }) => {
    if (detail.status === undefined) reached(false);
    if ([401, 403, 404].includes(detail.status)) location.reload();
  });

  adorn(document);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === Node.ELEMENT_NODE) adorn(node);
  }).observe(document.body, { childList: true, subtree: true });
  setInterval(() => document.querySelectorAll("time[data-relative]").forEach(tell), 15000);
})();
