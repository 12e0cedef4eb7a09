// Diagnostics: days and ticks in local time, zooming by a drag, the filter's times, a search that goes on, and what comes now.
"use strict";
(() => {
  const { one, all, day, clock, shapes, localise } = globalThis.usermon;
  const NS = "http://www.w3.org/2000/svg";
  const two = (n) => String(n).padStart(2, "0");
  document.documentElement.classList.add("js-on");

  // ---- separators of days follow the local midnight
  const lines = one("#lines");
  function days() {
    if (!lines) return;
    const sample = one("li.day", lines);
    if (!sample) return;
    all("li.day", lines).forEach((li) => li.remove());
    let last = "";
    for (const li of [...lines.children]) {
      const d = new Date(one("time", li)?.dateTime ?? NaN);
      if (Number.isNaN(d.getTime()) || day(d) === last) continue;
      last = day(d);
      const separator = sample.cloneNode(true);
      const t = one("time", separator);
      t.dateTime = d.toISOString();
      t.textContent = shapes.day(d);
      li.before(separator);
    }
  }
  days();

  // ---- the time line
  const line = one(".tl");
  const go = (from, to) => {
    const url = new URL(line.dataset.zoom, location.href);
    url.searchParams.set("from", new Date(from).toISOString());
    url.searchParams.set("to", new Date(to).toISOString());
    location.assign(url);
  };
  if (line) {
    const picture = one(".picture", line);
    const from = Number(line.dataset.from);
    const to = Number(line.dataset.to);
    const node = (name, attributes, text = "") => {
      const made = document.createElementNS(NS, name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      made.textContent = text;
      return made;
    };
    const percent = (at) => `${((at - from) / (to - from)) * 100}%`;
    const tall = Number(picture.getAttribute("height")) - 20;

    // ticks at round local times
    const ticks = one(".ticks", picture);
    function mark() {
      const most = Math.max(2, Math.floor(picture.clientWidth / 90));
      const steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 40320].map((m) => m * 60000);
      const step = steps.find((s) => (to - from) / s <= most) ?? (to - from) / most;
      ticks.replaceChildren();
      const first = new Date(from);
      first.setHours(0, 0, 0, 0);
      // a day may have 23 or 25 hours: days are counted by the calendar
      for (let n = 0, at = first.getTime(); at < to; n += 1) {
        const d = new Date(first);
        if (step >= 86400000) d.setDate(first.getDate() + (n * step) / 86400000);
        else d.setMinutes((n * step) / 60000);
        at = d.getTime();
        if (at <= from || at >= to) continue;
        const midnight = d.getHours() === 0 && d.getMinutes() === 0;
        const words = midnight ? d.toLocaleDateString(undefined, { day: "numeric", month: "short" }) : `${two(d.getHours())}:${two(d.getMinutes())}`;
        ticks.append(node("line", { x1: percent(at), x2: percent(at), y1: 0, y2: tall }));
        ticks.append(node("text", { x: percent(at), y: tall + 14 }, words));
      }
    }
    mark();
    addEventListener("resize", mark);

    // the time under the pointer, and what a drag chooses
    const hand = node("line", { class: "hand", y1: 0, y2: tall, visibility: "hidden" });
    const label = node("text", { class: "hand", y: tall + 14, "text-anchor": "middle", visibility: "hidden" });
    const chosen = node("rect", { class: "chosen", y: 0, height: tall, visibility: "hidden" });
    picture.append(chosen, hand, label);
    const at = (e) => {
      const box = picture.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (e.clientX - box.left) / box.width));
      return from + share * (to - from);
    };
    const show = (what, visible) => what.setAttribute("visibility", visible ? "visible" : "hidden");
    let start = null;
    picture.addEventListener("pointermove", (e) => {
      const here = at(e);
      const d = new Date(here);
      for (const x of ["x1", "x2"]) hand.setAttribute(x, percent(here));
      label.setAttribute("x", percent(here));
      label.textContent = start === null ? clock(d) : `${clock(new Date(Math.min(start, here)))} – ${clock(new Date(Math.max(start, here)))}`;
      show(hand, true);
      show(label, true);
      show(ticks, false);
      if (start === null) return;
      chosen.setAttribute("x", percent(Math.min(start, here)));
      chosen.setAttribute("width", `${(Math.abs(here - start) / (to - from)) * 100}%`);
      show(chosen, true);
    });
    const leave = () => {
      start = null;
      [hand, label, chosen].forEach((what) => show(what, false));
      show(ticks, true);
    };
    picture.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      picture.setPointerCapture(e.pointerId);
      start = at(e);
      e.preventDefault();
    });
    picture.addEventListener("pointerup", (e) => {
      const [a, b] = [start, at(e)];
      const wide = picture.getBoundingClientRect().width;
      leave();
      // a click is no drag
      if (a === null || (Math.abs(b - a) / (to - from)) * wide < 5) return;
      go(Math.min(a, b), Math.max(a, b));
    });
    picture.addEventListener("pointercancel", leave);
    picture.addEventListener("pointerleave", () => start === null && leave());
    document.addEventListener("keydown", (e) => e.key === "Escape" && leave());
  }

  // ---- the filter: times are local here and UTC in the address, and what is empty is left out of it
  const form = one("#filter");
  if (form) {
    for (const input of all("input[type='datetime-local']", form)) {
      if (!input.value) continue;
      const d = new Date(`${input.value}Z`);
      input.value = `${day(d)}T${clock(d)}`;
    }
    all("[data-zone]", form).forEach((zone) => (zone.textContent = "local time"));
    form.addEventListener("formdata", (e) => {
      for (const [name, value] of [...e.formData]) {
        if (!value) e.formData.delete(name);
        else if (name === "from" || name === "to") e.formData.set(name, new Date(value).toISOString());
      }
      if (e.formData.has("from")) e.formData.delete("last");
    });
    all("select", form).forEach((select) => select.addEventListener("change", () => form.requestSubmit()));
  }

  // ---- a search that goes on by itself until it is stopped, or the page is full
  const FULL = 500;
  const search = one("#search");
  if (search?.dataset.more && lines) {
    const stop = one("#stop");
    const older = one("#older");
    const bar = one("progress", search);
    let more = search.dataset.more;
    let running = null;
    const count = () => all("li:not(.day)", lines).length;
    async function on() {
      stop.textContent = "Stop";
      while (more && count() < FULL) {
        running = new AbortController();
        try {
          const answer = await fetch(more, { headers: { Accept: "application/json" }, cache: "no-store", signal: running.signal });
          if (!answer.ok) throw new Error(answer.status);
          const part = await answer.json();
          const template = document.createElement("template");
          template.innerHTML = part.html;
          localise(template.content);
          lines.append(template.content);
          days();
          more = part.more;
          bar.value = part.done;
          const n = count();
          one("#found").textContent = `${n} ${n === 1 ? "line" : "lines"}.`;
          one("#nothing")?.toggleAttribute("hidden", n > 0);
          const t = one("#reached time");
          t.dateTime = new Date(part.reached).toISOString();
          localise(search);
          if (part.older) older.href = part.older;
          older.hidden = !part.older;
        } catch (error) {
          running = null;
          stop.textContent = "Search on";
          if (error.name !== "AbortError") one("#found").textContent = "The PBX did not answer: the search has stopped.";
          return;
        }
      }
      running = null;
      stop.hidden = !more;
      stop.textContent = "Search on";
      if (!more) bar.value = bar.max;
      if (!more && !count()) one("#nothing strong").textContent = "Nothing fits.";
    }
    stop.hidden = false;
    stop.addEventListener("click", () => (running ? running.abort() : on()));
    on();
  }

  // ---- what comes now
  const live = one("#live");
  const table = one("table.packets tbody");
  if (live && table) {
    const ROWS = 1000;
    const said = one("#tail");
    const lost = one("#lost");
    let after = live.dataset.after;
    let on = false;
    let timer = 0;
    let failed = 0;
    let came = 0;
    let out = 0;
    let dropped = null;
    let since = null;
    let asking = null;
    const alarm = (words) => {
      lost.textContent = words;
      lost.hidden = !words;
    };
    const tell = (words) => {
      said.textContent = words;
      said.hidden = !words;
    };
    function add({ at, html }) {
      if (at && one(`tr[data-at="${at}"]`, table)) return;
      const template = document.createElement("template");
      template.innerHTML = `<table><tbody>${html}</tbody></table>`;
      const row = one("tr", template.content);
      if (!row) return;
      localise(row);
      row.classList.add("came");
      const head = table.firstElementChild;
      const d = new Date(one("time", row).dateTime);
      const first = head?.classList.contains("day") ? head : null;
      if (first && day(new Date(one("time", first).dateTime)) === day(d)) first.after(row);
      else {
        const separator = document.createElement("tr");
        separator.className = "day";
        const th = document.createElement("th");
        th.colSpan = 7;
        th.scope = "rowgroup";
        const t = document.createElement("time");
        t.dateTime = d.toISOString();
        t.dataset.t = "day";
        t.textContent = shapes.day(d);
        th.append(t);
        separator.append(th);
        table.prepend(separator, row);
      }
      came += row.classList.contains("packet");
      while (table.rows.length > ROWS) table.lastElementChild.remove();
    }
    async function poll() {
      clearTimeout(timer);
      if (!on || document.hidden || asking) return;
      asking = new AbortController();
      const limit = setTimeout(() => asking?.abort(), 10000);
      try {
        const url = new URL(live.dataset.url, location.href);
        url.searchParams.set("after", after);
        const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store", signal: asking.signal });
        if (answer.status === 401 || answer.status === 403 || answer.status === 404) {
          turn(false);
          alarm(answer.status === 401 ? "You are logged out: reload the page to log in again." : "These packets are no longer there for you.");
          return;
        }
        if (!answer.ok) throw new Error(answer.status);
        const part = await answer.json();
        if (!on) return;
        // the oldest of them first: each goes to the top
        part.rows.reverse().forEach(add);
        if (part.rows.length) one("#nothing")?.setAttribute("hidden", "");
        after = part.after;
        since ??= new Date(part.at);
        dropped ??= part.dropped;
        failed = 0;
        tell(`Live since ${clock(since)}: ${came} ${came === 1 ? "packet" : "packets"} came.${part.detail === "off" ? " The dump detail is off: nothing is kept of new packets." : ""}`);
        out += part.left_out;
        const words = [];
        if (out) words.push(`${out} packets came too fast and are left out here: reload to see them.`);
        if (part.dropped > dropped) words.push(`The PBX dropped ${part.dropped - dropped} packets of all users since ${clock(since)}: some may be missing here.`);
        alarm(words.join(" "));
      } catch {
        if (!on) return;
        failed += 1;
        if (failed > 1) alarm("The PBX does not answer. Trying again.");
      } finally {
        clearTimeout(limit);
        asking = null;
      }
      if (on && !document.hidden) timer = setTimeout(poll, Math.min(1000 * 2 ** Math.max(0, failed - 1), 30000));
    }
    function turn(wish) {
      on = wish;
      live.setAttribute("aria-pressed", String(on));
      one("span", live).textContent = on ? "Pause" : "Live";
      clearTimeout(timer);
      if (on) poll();
      else {
        asking?.abort();
        if (!said.hidden) tell(`Paused: ${came} ${came === 1 ? "packet" : "packets"} came. Live goes on where it was.`);
      }
    }
    live.addEventListener("click", () => turn(!on));
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (on && !document.hidden) poll();
    });
    if (new URLSearchParams(location.search).get("live") === "1") turn(true);
  }
})();
