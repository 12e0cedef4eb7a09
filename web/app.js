// What the pages can't do without a script: local times, search and sorting, automatic refresh, keys.
// Everything is built with textContent or with rows that our own server rendered and escaped.
"use strict";
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const two = (n, width = 2) => String(n).padStart(width, "0");
  const day = (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const clock = (d) => `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;

  // ---- times: the server writes UTC, here they become local
  const shapes = {
    full: (d) => `${day(d)} ${clock(d)}`,
    clock,
    fine: (d) => `${clock(d)}.${two(d.getMilliseconds(), 3)}`,
    day: (d) => `${d.toLocaleDateString(undefined, { weekday: "long" })}, ${day(d)}`,
    until: (d) => until(d),
  };
  function until(d) {
    const s = Math.round((d - Date.now()) / 1000);
    const span = (n) => (n < 60 ? `${n} s` : n < 3600 ? `${Math.floor(n / 60)} min ${n % 60} s` : `${Math.floor(n / 3600)} h ${Math.floor((n % 3600) / 60)} min`);
    return s >= 0 ? `in ${span(s)}` : `${span(-s)} ago`;
  }
  function localise(within) {
    for (const t of all("time[data-t]", within)) {
      const d = new Date(t.dateTime);
      if (Number.isNaN(d.getTime())) continue;
      t.textContent = shapes[t.dataset.t](d);
      t.title = t.dateTime;
    }
  }
  localise(document);
  // for the other scripts
  globalThis.usermon = { one, all, day, clock, shapes, localise };

  // the separators of days follow the local midnight
  for (const table of all("table[data-days]")) {
    const sample = one("tr.day", table);
    if (!sample) continue;
    all("tr.day", table).forEach((row) => row.remove());
    let last = "";
    for (const row of all("tbody > tr", table)) {
      const d = new Date(one("time", row)?.dateTime ?? NaN);
      if (Number.isNaN(d.getTime()) || day(d) === last) continue;
      last = day(d);
      const separator = sample.cloneNode(true);
      const t = one("time", separator);
      t.dateTime = d.toISOString();
      t.textContent = shapes.day(d);
      row.before(separator);
    }
    // packets of one Call-ID stand out together
    const mark = (row, on) => {
      const id = row && one(".ci code", row)?.title;
      if (id) all("tr.packet", table).forEach((r) => r.classList.toggle("same", on && one(".ci code", r)?.title === id));
    };
    table.addEventListener("mouseover", (e) => mark(e.target.closest(".ci")?.parentElement, true));
    table.addEventListener("mouseout", (e) => mark(e.target.closest(".ci")?.parentElement, false));
  }

  // ---- company switcher
  for (const form of all("form[data-switch]")) {
    form.classList.add("auto");
    one("select", form).addEventListener("change", () => form.submit());
  }

  // ---- details of icons: Escape closes, the screen's edge turns them upwards
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") all(".p:hover, .p:focus-within").forEach((p) => p.classList.add("closed"));
  });
  const opened = (e) => {
    const p = e.target.closest?.(".p");
    if (!p || p.contains(e.relatedTarget)) return;
    p.classList.remove("closed");
    const detail = one(".d", p);
    localise(detail);
    detail.classList.remove("above");
    const box = detail.getBoundingClientRect();
    if (box.bottom > innerHeight && p.getBoundingClientRect().top > box.height + 8) detail.classList.add("above");
  };
  document.addEventListener("mouseover", opened);
  document.addEventListener("focusin", opened);
  document.addEventListener("mouseout", (e) => {
    const p = e.target.closest?.(".p");
    if (p && !p.contains(e.relatedTarget) && !p.contains(document.activeElement)) p.classList.remove("closed");
  });
  document.addEventListener("focusout", (e) => e.target.closest?.(".p")?.classList.remove("closed"));

  // ---- keys on the message page
  const steps = { k: "k", ArrowLeft: "k", j: "j", ArrowRight: "j" };
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea")) return;
    const key = steps[e.key];
    const link = key && one(`a[data-key="${key}"]`);
    if (link) link.click();
  });

  // ---- the wall
  const body = one("#rows");
  const button = one("#refresh");
  if (!body || !button) return;

  const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const cell = (row, name) => one(`.${name}`, row).textContent.trim();
  const names = { name: "nm", surname: "sn", extension: "ex", department: "dp" };
  const order = { busy: 0, ringing: 1, free: 2, offline: 3 };
  let texts = new WeakMap();
  const textOf = (row) => {
    if (!texts.has(row)) texts.set(row, folded(Object.values(names).map((c) => cell(row, c)).join(" ")));
    return texts.get(row);
  };

  // filters; kept in the address so that a reload keeps them
  const search = one("#search");
  const department = one("#department");
  const chips = all(".totals button");
  const params = new URLSearchParams(location.search);
  search.value = params.get("q") ?? "";
  department.value = params.get("department") ?? "";
  if (department.selectedIndex < 0) department.value = "";
  let sticker = params.get("sticker") ?? "";
  let sorted = params.get("sort") ?? "";

  function filter() {
    const words = folded(search.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    const rows = [...body.rows];
    for (const row of rows) {
      const fits = (!sticker || row.dataset.s === sticker)
        && (!department.value || cell(row, "dp") === department.value.trim())
        && words.every((w) => textOf(row).includes(w));
      if (row.hidden === fits) row.hidden = !fits;
      shown += fits;
    }
    chips.forEach((c) => c.setAttribute("aria-pressed", String(c.dataset.s === sticker)));
    one("#shown").textContent = shown === rows.length ? `${shown} users` : `${shown} of ${rows.length} users`;
    one("#none").hidden = shown > 0;
    const url = new URL(location.href);
    const keep = (name, value) => (value ? url.searchParams.set(name, value) : url.searchParams.delete(name));
    keep("q", search.value);
    keep("department", department.value);
    keep("sticker", sticker);
    keep("sort", sorted);
    if (url.href !== location.href) history.replaceState(null, "", url);
  }
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 80);
  });
  department.addEventListener("change", filter);
  one("#filters").addEventListener("submit", (e) => e.preventDefault());
  chips.forEach((c) => c.addEventListener("click", () => {
    sticker = sticker === c.dataset.s ? "" : c.dataset.s;
    filter();
  }));

  // sorting: "name", or "-name" downwards
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  function sort() {
    const column = sorted.replace(/^-/, "") || "extension";
    all("th[data-sort]").forEach((th) => {
      if (th.dataset.sort !== column) th.removeAttribute("aria-sort");
      else th.setAttribute("aria-sort", sorted.startsWith("-") ? "descending" : "ascending");
    });
    if (column !== "status" && !names[column]) return;
    const key = column === "status" ? (row) => String(order[row.dataset.s]) : (row) => cell(row, names[column]);
    const sign = sorted.startsWith("-") ? -1 : 1;
    const keyed = [...body.rows].map((row) => [key(row), cell(row, "ex"), row]);
    keyed.sort((a, b) => sign * collator.compare(a[0], b[0]) || collator.compare(a[1], b[1]));
    const focused = document.activeElement;
    body.append(...keyed.map((k) => k[2]));
    if (body.contains(focused)) focused.focus({ preventScroll: true });
  }
  all("th[data-sort] button").forEach((b) => b.addEventListener("click", () => {
    const column = b.parentElement.dataset.sort;
    sorted = sorted === column ? `-${column}` : column;
    sort();
    filter();
  }));

  // ---- refresh
  const stale = one("#stale");
  const words = one("#taken-words");
  const taken = one("#taken time");
  let version = button.dataset.version;
  let at = Number(button.dataset.at);
  let on = false;
  let timer = 0;
  let failed = 0;
  let asking = null;

  const said = (text) => {
    stale.textContent = text;
    stale.hidden = !text;
  };
  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = `<table><tbody>${html}</tbody></table>`;
    return one("tr", template.content);
  }
  // what a cell says, without what the script made of it
  function essence(cell) {
    const copy = cell.cloneNode(true);
    all("time", copy).forEach((t) => {
      t.textContent = "";
      t.removeAttribute("title");
    });
    all(".closed, .above", copy).forEach((e) => e.classList.remove("closed", "above"));
    return copy.outerHTML.replaceAll(' class=""', "");
  }
  // only cells that differ are replaced, so focus and open details stay where they are
  function replace(old, fresh) {
    [...fresh.cells].forEach((cell, n) => {
      const was = old.cells[n];
      if (essence(was) === essence(cell)) return;
      const stops = "a, [tabindex]";
      const focus = was.contains(document.activeElement) ? all(stops, was).indexOf(document.activeElement) : -1;
      localise(cell);
      was.replaceWith(cell);
      all(stops, cell)[focus]?.focus({ preventScroll: true });
    });
    old.dataset.s = fresh.dataset.s;
  }

  function apply(update) {
    const ids = new Set();
    let added = false;
    for (const { id, html } of update.rows) {
      ids.add(id);
      const fresh = parse(html);
      const old = document.getElementById(id);
      if (!fresh) continue;
      if (old) {
        texts.delete(old);
        const changed = old.dataset.s !== fresh.dataset.s;
        replace(old, fresh);
        if (changed) {
          old.classList.remove("fresh");
          void old.offsetWidth;
          old.classList.add("fresh");
        }
      } else {
        localise(fresh);
        body.append(fresh);
        added = true;
      }
    }
    update.removed.forEach((id) => document.getElementById(id)?.remove());
    if (update.full) [...body.rows].filter((row) => !ids.has(row.id)).forEach((row) => row.remove());
    chips.forEach((c) => (one("b", c).textContent = update.totals[c.dataset.s]));
    version = update.version;
    if (update.rows.length || update.removed.length) {
      if (added || (sorted.endsWith("status") && !body.matches(":hover, :focus-within"))) sort();
      filter();
    }
  }
  function show(moment) {
    at = moment;
    const d = new Date(at);
    taken.dateTime = d.toISOString();
    taken.textContent = clock(d);
  }
  async function poll() {
    clearTimeout(timer);
    if (!on || document.hidden || asking) return;
    asking = new AbortController();
    const limit = setTimeout(() => asking?.abort(), 10000);
    try {
      const url = `${button.dataset.url}?since=${encodeURIComponent(version)}`;
      const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store", signal: asking.signal });
      if (answer.status === 401 || answer.status === 403 || answer.status === 404) {
        turn(false);
        said(`Stale since ${clock(new Date(at))}. ${answer.status === 401 ? "You are logged out: reload the page to log in again." : "This company is no longer there for you: go to the first page."}`);
        return;
      }
      if (!answer.ok) throw new Error(answer.status);
      const update = await answer.json();
      if (!on) return;
      apply(update);
      show(update.at);
      failed = 0;
      said("");
    } catch {
      if (!on) return;
      failed += 1;
      if (failed > 1) said(`Stale since ${clock(new Date(at))}: the PBX does not answer. Trying again.`);
    } finally {
      clearTimeout(limit);
      asking = null;
    }
    if (on && !document.hidden) timer = setTimeout(poll, Math.min(2000 * 2 ** Math.max(0, failed - 1), 30000));
  }
  function turn(wish) {
    on = wish;
    button.setAttribute("aria-pressed", String(on));
    words.textContent = on ? "Live, as of " : "As of ";
    clearTimeout(timer);
    if (on) {
      failed = 0;
      poll();
    } else {
      asking?.abort();
      said("");
    }
  }
  button.addEventListener("click", () => turn(!on));
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (on && !document.hidden) poll();
  });

  if (sorted) sort();
  filter();
})();
