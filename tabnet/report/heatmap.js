// The heatmap: Vega draws its frame, its pictures are painted here, pixel by pixel, from arrays.

import {
  D,
  K,
  arrays,
  bins,
  clipOf,
  element,
  facts,
  permutation,
  readable,
  remembered,
  rows,
  source,
  specs,
  state,
  vega,
} from "./columns.js";

export const ROWS = K * (D + 2) - 1; // of the figure: title, features and gap for each panel
const UNDERLINE = 8; // picture rows to a feature's row in the picture of underlines

const SHADES = 256;
const ramp = vega.scheme(facts.scheme);
export const colour = Array.from({ length: SHADES }, (_, i) => ramp(i / (SHADES - 1)));
const shades = Uint32Array.from(colour, (text) => {
  const { r, g, b } = hex(text);
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0; // as a little-endian canvas stores it
});
const underline = hex(facts.colours["--truth"]);

function hex(text) {
  const parts = text.startsWith("#")
    ? [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16))
    : text.match(/\d+/g).map(Number);
  return { r: parts[0], g: parts[1], b: parts[2] };
}

/** First and past-the-last column under each of `width` pixels: each column under one at least. */
function spans(width) {
  const { count, extent } = source();
  const scale = count / extent;
  const step = (state.hi - state.lo) / width;
  const result = new Uint32Array(2 * width);
  for (let j = 0; j < width; j++) {
    const first = Math.floor((state.lo + step * j) * scale + 1e-6);
    const last = Math.floor((state.lo + step * (j + 1)) * scale + 1e-6);
    result[2 * j] = Math.min(count - 1, first);
    result[2 * j + 1] = Math.min(count, Math.max(first + 1, last));
  }
  return result;
}

const canvas = document.createElement("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });

/** A picture of device pixels, filled by `fill(pixels, width, spans)`. */
function picture(height, fill) {
  const width = Math.max(1, Math.round(heat.width() * devicePixelRatio));
  canvas.width = width;
  canvas.height = height;
  const data = context.createImageData(width, height);
  if (source().count) fill(new Uint32Array(data.data.buffer), width, spans(width));
  context.putImageData(data, 0, 0);
  const image = new Image();
  image.src = canvas.toDataURL();
  return image;
}

/** The reduced value of the columns under each pixel, by the chosen pooling. */
function reduce(values, base, width, span, take) {
  const ordered = source() === rows ? permutation(state.order) : null;
  const mean = state.how === "mean";
  for (let j = 0; j < width; j++) {
    const first = span[2 * j];
    const last = span[2 * j + 1];
    let result = 0;
    for (let i = first; i < last; i++) {
      const value = values[base + (ordered ? ordered[i] : i)];
      if (mean) result += value;
      else if (value > result) result = value;
    }
    take(j, mean ? result / (last - first) : result);
  }
}

function paintMasks() {
  return picture(ROWS, (pixels, width, span) => {
    for (let k = 0; k < K; k++) {
      const { values, scale } = source().mask(k);
      const factor = ((SHADES - 1) * scale) / clipOf(k);
      for (let f = 0; f < D; f++) {
        const row = (k * (D + 2) + f + 1) * width;
        reduce(values, f * source().count, width, span, (j, value) => {
          pixels[row + j] = shades[Math.min(SHADES - 1, Math.round(value * factor))];
        });
      }
    }
  });
}

/** The underlines of one panel, title row included: opaque where all rows of a pixel are true. */
function paintTruth() {
  const { truth, count } = source();
  return picture((D + 1) * UNDERLINE, (pixels, width, span) => {
    const { r, g, b } = underline;
    const ordered = source() === rows ? permutation(state.order) : null;
    for (let f = 0; f < D; f++) {
      const row = ((f + 2) * UNDERLINE - 1) * width;
      for (let j = 0; j < width; j++) {
        let sum = 0;
        for (let i = span[2 * j]; i < span[2 * j + 1]; i++) {
          sum += truth[f * count + (ordered ? ordered[i] : i)];
        }
        const alpha = Math.round(
          (255 * sum) / (facts.truth_levels * (span[2 * j + 1] - span[2 * j])),
        );
        if (alpha) pixels[row + j] = ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
      }
    }
  });
}

const BLANK = new Image();
BLANK.src = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
await BLANK.decode();
export const views = {};

/** A view of a specification in the element of its name, not yet run. */
export function viewOf(name, spec) {
  const view = new vega.View(vega.parse(spec), { renderer: "svg", hover: true });
  const mount = document.createElement("div"); // Vega sets the role and the label of its element
  element(name).replaceChildren(mount);
  view.tooltip(showTip).initialize(mount);
  views[name]?.finalize();
  return (views[name] = view);
}

const tip = document.body.appendChild(document.createElement("div"));
tip.id = "tip";
tip.hidden = true;

function showTip(_, event, __, value) {
  tip.hidden = value === null || value === undefined || typeof value !== "object";
  if (tip.hidden) return;
  const table = document.createElement("table");
  for (const [name, text] of Object.entries(value))
    addCells(table.insertRow(), [name], [readable(text)]);
  tip.replaceChildren(table);
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 4))}px`;
}

export function addCells(row, heads, texts, scope = "row") {
  for (const text of heads) {
    const head = row.appendChild(document.createElement("th"));
    head.scope = scope;
    head.appendChild(document.createElement("bdi")).textContent = text;
  }
  for (const text of texts) row.insertCell().textContent = text;
}

export const heat = viewOf("heat", specs.heat);
heat.signal("picture", BLANK);
if (rows.truth) heat.signal("truth", BLANK);

function titleOf(panel) {
  const { name, mask } = facts.panels[panel];
  const seed = mask === "aggregate" ? state.seed : facts.shown;
  const whose = mask === "consensus" || seed === null ? "" : ` of seed ${seed}`;
  const end = heat.width() > 300 ? "colours end at" : "up to"; // with room for it
  return `${name}${whose} · ${end} ${clipOf(panel).toPrecision(2)}`;
}

let turn = 0;

/** Paints what the state says, and shows it when it is decoded, unless a newer one came first. */
export async function redraw() {
  const mine = ++turn;
  const { lo, hi } = state;
  const shown = { picture: paintMasks() };
  if (rows.truth) {
    const key = `truth ${[lo, hi, state.order, state.seed, heat.width(), devicePixelRatio]}`;
    shown.truth = remembered(key, paintTruth);
  }
  await Promise.all(Object.values(shown).map((image) => image.decode()));
  if (mine !== turn) return;
  for (const [name, value] of Object.entries(shown)) heat.signal(name, value);
  heat.signal("lo", lo).signal("hi", hi);
  heat.signal(
    "titles",
    Array.from({ length: K }, (_, k) => titleOf(k)),
  );
  await heat.runAsync();
  sayAspect();
  placeCross();
  element("heat").dispatchEvent(new Event("drawn"));
}

const MOST = 1200; // pixels of a heatmap that is printed on one page

/** Tells the style sheet the figure's aspect, for print. */
function sayAspect() {
  const { width, height } = element("heat").querySelector("svg").viewBox.baseVal;
  if (height < MOST) document.body.style.setProperty("--aspect", width / height);
}

export function zoom(lo, hi) {
  const { extent, count } = source();
  const least = Math.min(extent, (8 * extent) / Math.max(1, count));
  const width = Math.min(extent, Math.max(least, hi - lo));
  const start = Math.max(0, Math.min(extent - width, lo));
  state.lo = source() === rows ? Math.round(start) : start;
  state.hi = source() === rows ? Math.round(start + width) : start + width;
  const whole = element("whole");
  const last = document.activeElement === whole;
  whole.hidden = state.lo <= 0 && state.hi >= extent;
  if (whole.hidden && last) element("heat").focus({ preventScroll: true });
  showRange();
  return redraw();
}

/** The first position that is shown, and the one past the last. */
function shownRange() {
  const { extent, count } = source();
  const [lo, hi] = [state.lo, state.hi].map((position) => (position * count) / extent);
  const [first, last] = [Math.floor(lo + 1e-6), Math.ceil(hi - 1e-6)];
  return source() === bins
    ? [arrays["bin_edges"][first], arrays["bin_edges"][last]]
    : [first, last];
}

export function showRange() {
  const { extent } = source();
  const part = state.lo > 0 || state.hi < extent;
  const of = `${extent.toLocaleString("en")} ${source() === rows && facts.bins ? "sampled " : ""}`;
  const [first, last] = shownRange();
  const range = `${(first + 1).toLocaleString("en")} to ${last.toLocaleString("en")} of `;
  element("range").textContent = `${part ? range : ""}${of}observation${extent === 1 ? "" : "s"}`;
}

const overlay = (kind) => {
  const cross = element("heat").appendChild(document.createElement("div"));
  cross.className = `cross ${kind}`;
  cross.hidden = true;
  return cross;
};
export const [hair, line, band] = ["column", "line", "line"].map(overlay);

/** The plot's upper left corner in its element. */
export function corner() {
  const [left, top] = heat.origin();
  const { left: x, top: y } = heat.padding();
  return [left + x, top + y];
}

export function place(cross, x, y, width, height) {
  const [left, top] = corner();
  cross.hidden = false;
  cross.style.transform = `translate(${left + x}px, ${top + y}px)`;
  cross.style.width = `${width}px`;
  cross.style.height = `${height}px`;
}

export function placeCross() {
  const out = state.at < state.lo || state.at >= state.hi;
  hair.hidden = line.hidden = out;
  if (out) return;
  const step = source().extent / source().count;
  const middle = (Math.floor(state.at / step) + 0.5) * step;
  const x = (heat.width() * (middle - state.lo)) / (state.hi - state.lo);
  const height = heat.height() / ROWS;
  place(hair, Math.min(x, heat.width() - 1), 0, 0, heat.height());
  place(line, 0, (state.panel * (D + 2) + state.feature + 1) * height, heat.width(), height);
}
