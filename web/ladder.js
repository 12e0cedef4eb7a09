// The ladder: local times, keys and clicks that choose a message without a reload, the picture as PNG.
"use strict";
(() => {
  const { one, all, day, shapes, localise } = globalThis.usermon;
  const ladder = one("#ladder");
  const pane = one("#pane");
  const said = one("#said");
  if (!ladder || !pane) return;
  const tell = (words) => {
    said.textContent = words;
    said.hidden = !words;
  };

  // ---- times: the server writes UTC, here they become local
  for (const text of all("text[data-t]", ladder)) text.textContent = shapes.fine(new Date(Number(text.dataset.t) / 1000));
  const zone = one(".zone", ladder);
  if (zone) {
    zone.textContent = "local time";
    const first = one("text[data-t]", ladder);
    if (first) zone.previousElementSibling.textContent = day(new Date(Number(first.dataset.t) / 1000));
  }

  // ---- the chosen message; only that one is a stop of the Tab key
  const links = all("a.m", ladder);
  const place = new Map();
  links.forEach((link, n) => {
    for (const at of link.dataset.all ? link.dataset.all.split(" ") : [link.dataset.m]) place.set(at, n);
  });
  let current = Math.max(0, links.findIndex((link) => link.classList.contains("on")));
  let asking = null;
  function mark(n, focus) {
    links.forEach((link, at) => {
      link.classList.toggle("on", at === n);
      link.setAttribute("tabindex", at === n ? "0" : "-1");
      if (at === n) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
    current = n;
    if (focus) links[n].focus({ preventScroll: true });
  }
  // the lanes' heads and the times cover an edge each
  function reveal(link) {
    const box = ladder.getBoundingClientRect();
    const row = one(".hit", link).getBoundingClientRect();
    const head = one(".heads", ladder).getBoundingClientRect().height;
    if (row.top < box.top + head) ladder.scrollTop -= box.top + head - row.top + 8;
    else if (row.bottom > box.bottom) ladder.scrollTop += row.bottom - box.bottom + 20;
  }
  async function show(at) {
    asking?.abort();
    const mine = (asking = new AbortController());
    const url = new URL(location.href);
    url.hash = "";
    url.searchParams.set("m", at);
    history.replaceState(null, "", url);
    url.searchParams.set("pane", "1");
    pane.classList.add("waits");
    try {
      const answer = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store", redirect: "manual", signal: mine.signal });
      if (!answer.ok) throw new Error(answer.status);
      const template = document.createElement("template");
      template.innerHTML = await answer.text();
      if (mine.signal.aborted) return;
      const open = all("details[open]", pane).map((details) => details.id);
      localise(template.content);
      pane.replaceChildren(template.content);
      open.forEach((id) => one(`#${id}`, pane)?.setAttribute("open", ""));
      pane.dataset.shows = at;
      tell("");
    } catch (error) {
      if (error.name === "AbortError") return;
      tell("The PBX did not answer, or you are logged out: reload the page.");
    }
    pane.classList.remove("waits");
  }
  function choose(n, focus) {
    if (n < 0 || n >= links.length) return;
    mark(n, focus);
    reveal(links[n]);
    show(links[n].dataset.m);
  }
  if (links.length) {
    mark(current, false);
    reveal(links[current]);
  }
  document.addEventListener("click", (e) => {
    const link = e.target.closest?.("a[data-m]");
    if (!link || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
    e.preventDefault();
    const at = link.dataset.m;
    const n = place.get(at);
    if (n === undefined) return;
    const step = link.dataset.step;
    mark(n, ladder.contains(link));
    reveal(links[n]);
    show(at).then(() => {
      if (step) one(`a[data-step="${step}"]`, pane)?.focus({ preventScroll: true });
      else if (ladder.contains(link) && pane.getBoundingClientRect().top > innerHeight - 80) pane.scrollIntoView({ block: "nearest" });
    });
  });
  const steps = { ArrowUp: -1, k: -1, ArrowDown: 1, j: 1 };
  document.addEventListener("keydown", (e) => {
    const by = steps[e.key];
    if (!by || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, pre")) return;
    // arrows scroll the page unless the ladder has the focus, or nothing has
    if (e.key.startsWith("Arrow") && !ladder.contains(e.target) && e.target !== document.body) return;
    e.preventDefault();
    choose(current + by, true);
  });

  // ---- PNG: the browser draws the SVG, with fonts that the PBX may not have
  const png = one("#png");
  const WIDEST = 16000;
  png?.addEventListener("click", () => {
    const image = new Image();
    image.onerror = () => tell("The picture could not be loaded: reload the page.");
    image.onload = () => {
      const { naturalWidth: width, naturalHeight: height } = image;
      const scale = Math.min(2, WIDEST / height, WIDEST / width, Math.sqrt(1e8 / (width * height)));
      if (scale < 0.6) {
        tell("This ladder is too long for a PNG that can be read: take the SVG.");
        return;
      }
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => {
        if (!blob) return tell("The browser can't make this PNG: take the SVG.");
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = "ladder.png";
        link.click();
        png.dataset.made = `${canvas.width}x${canvas.height}`;
        setTimeout(() => URL.revokeObjectURL(link.href), 10000);
        tell("");
      }, "image/png");
    };
    image.src = png.dataset.svg;
  });
})();
