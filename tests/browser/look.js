// What is wrong with how a page looks: sideways scrolling, words that do not stand out, dark pages that are light.
const faults = [];
const root = document.documentElement;
const mode = arguments[0];
const name = (e) => `${e.tagName.toLowerCase()}${e.id ? `#${e.id}` : ""}${e.className?.trim ? `.${e.className.trim().replace(/\s+/g, ".")}` : ""}`;
// what sticks out is scrolled to or, worse, cut off; the page's own hidden words are meant to be
const out = all("body *").filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1 && e.checkVisibility() && !e.closest("svg, .hidden, thead"));
if (root.scrollWidth > root.clientWidth || out.length)
  faults.push(`${root.scrollWidth} px wide in ${root.clientWidth}: ${out.slice(0, 3).map(name).join(", ")}`);
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, under) => [0, 1, 2].map((n) => top[n] * top[3] + under[n] * (1 - top[3]));
const light = (c) => {
  const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (e) => {
  const layers = [];
  for (let at = e; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((under, top) => over(top, under), mode === "dark" ? [0, 0, 0] : [255, 255, 255]);
};
if (mode === "dark" && light(ground(document.body)) > 0.1) faults.push("the page's ground is light");
const seen = new Set();
for (const e of all("body *")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  // a shape's number stands on the shape, not on a background
  if (!own || e.closest(".hidden, .shape, svg") || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
  const box = e.getBoundingClientRect();
  if (!box.width || !box.height) continue;
  const style = getComputedStyle(e);
  const back = ground(e);
  const [a, b] = [light(over(rgba(style.color), back)), light(back)].sort((x, y) => y - x);
  const contrast = (a + 0.05) / (b + 0.05);
  const size = parseFloat(style.fontSize);
  const wish = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
  const fault = `${name(e)} has contrast ${contrast.toFixed(1)}`;
  if (contrast < wish && !seen.has(fault)) faults.push(fault);
  seen.add(fault);
}
return faults;
