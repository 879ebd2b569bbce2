// The page: its controls, the strip above the heatmap, the other figures, and what can be saved.
// Files are joined to one script, in the order of their imports; see page.py.

import {
  D,
  arrays,
  bins,
  element,
  facts,
  keyOf,
  maskOf,
  permutation,
  rows,
  source,
  specs,
  state,
} from "./columns.js";
import { colour, heat, redraw, showRange, viewOf, views, zoom } from "./heatmap.js";
import { listen, point, showDetail } from "./observation.js";

function fill(select, options, chosen) {
  for (const [value, text] of options) select.add(new Option(text, value));
  select.value = chosen;
}

function controls() {
  fill(element("order"), facts.orders, facts.sort_by);
  element("order").onchange = (event) => reorder(event.target.value, [0, Infinity]);
  const first = facts.shown === null ? "as in the file" : `${facts.shown} (shown first)`;
  const seeds = facts.seeds.map((seed) => [seed, seed === facts.shown ? first : seed]);
  // A folder from elsewhere may have its aggregate mask alone, or one that is none of the seeds'.
  if (!facts.seeds.includes(facts.shown)) seeds.unshift([facts.shown ?? "", first]);
  fill(element("seed"), seeds, facts.shown ?? "");
  element("seed").disabled = seeds.length < 2;
  element("seed").onchange = (event) => {
    const before = source();
    state.seed = event.target.value === "" ? null : Number(event.target.value);
    if (source() === before) redraw().then(showDetail);
    else reorder(state.order, [0, Infinity]);
  };
  element("how").value = state.how;
  element("how").onchange = (event) => {
    state.how = event.target.value;
    redraw().then(showDetail);
  };
  for (const kind of new Set(facts.panels.map(({ clip }) => clip))) slider(kind);
  element("whole").onclick = () => zoom(0, Infinity);
  for (const button of document.querySelectorAll(".lowest")) {
    button.hidden = !arrays["agreement"] || facts.seeds.length === 1;
    button.onclick = lowest;
  }
}

function slider(kind) {
  const input = element(`clip-${kind}`);
  const output = element(`clip-${kind}-value`);
  input.min = Math.min(0.8, state.quantile[kind]);
  input.max = 1;
  input.value = state.quantile[kind];
  const say = () => {
    output.textContent = `${Number((100 * state.quantile[kind]).toPrecision(4))} %`;
    input.setAttribute("aria-valuetext", `${output.textContent} of the cells`);
  };
  input.oninput = () => {
    state.quantile[kind] = Number(input.value);
    say();
    redraw().then(showDetail);
  };
  say();
}

function reorder(order, [lo, hi]) {
  state.order = order;
  element("order").value = order;
  state.held = false;
  point(-1, 0, 0);
  drawStrip();
  return zoom(lo, Math.min(hi, source().extent));
}

function lowest() {
  reorder("agreement", [0, Math.min(facts.lowest, rows.count)]);
  element("heat").scrollIntoView({ block: "nearest" });
  element("heat").focus({ preventScroll: true });
}

const POINTS = 240;

function stripData() {
  const { count, extent } = source();
  const points = Math.min(POINTS, count);
  const read = stripKey();
  return Array.from({ length: points }, (_, i) => {
    const column = points > 1 ? Math.round((i * (count - 1)) / (points - 1)) : 0;
    return { position: ((column + 0.5) * extent) / count, key: read(column) };
  }).filter(({ key }) => Number.isFinite(key));
}

function stripKey() {
  if (source() === bins) return (column) => arrays["bin_key"][column];
  const ordered = permutation(state.order);
  const read = state.order === facts.sort_by ? (i) => arrays["key"][i] : keyOf(state.order);
  return (column) => read(ordered[column]);
}

let strip = null;
let brushed = [NaN, NaN]; // what the brush frames
let following = false;

async function drawStrip() {
  const spec = structuredClone(specs.strip);
  const extent = source().extent;
  spec.data.find(({ values }) => values).values = stripData();
  spec.scales.find(({ name }) => name === "x").domain = [0, Math.max(1, extent)];
  strip = viewOf("strip", spec);
  brushed = [NaN, NaN]; // it has no frame yet
  strip.addSignalListener("zoom", (_, { position: range }) => {
    if (following) return;
    if (range && Math.abs(range[1] - range[0]) > extent / 1000) zoom(...range);
    else zoom(0, extent);
    brushed = [state.lo, state.hi];
  });
  await strip.runAsync();
  for (const mark of element("strip").querySelectorAll("[class*=zoom_brush]")) {
    mark.setAttribute("aria-hidden", "true");
  }
}

/** Lets the brush frame what is shown, however that was zoomed to. */
async function followZoom() {
  const { extent } = source();
  if (!strip || following || (state.lo === brushed[0] && state.hi === brushed[1])) return;
  brushed = [state.lo, state.hi];
  const whole = state.lo <= 0 && state.hi >= extent;
  const frame = brushed.map((position) => (position * strip.width()) / Math.max(1, extent));
  following = true;
  try {
    strip.signal("zoom_x", whole ? [] : frame);
    await strip.runAsync();
  } finally {
    following = false;
  }
  followZoom(); // what was zoomed to meanwhile
}

function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${facts.name} ${name}`.replace(/[^\w.-]+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// What XML cannot have, and names may: control characters, and what is no character.
const NO_XML = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

/** The figure for paper: whatever the page's colours are, the file has the light ones. */
async function svgOf(name) {
  const text = (await views[name].toSVG()).replace(NO_XML, "\ufffd");
  const light = text.replace(/"var\((--[a-z]+)\)"/g, (_, name) => `"${facts.colours[name]}"`);
  const paper = `<rect width="100%" height="100%" fill="${facts.colours["--card"]}"/>`;
  return light.replace(/<svg[^>]*>/, (opening) => opening + paper);
}

async function pngOf(name) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(await svgOf(name))}`;
  await image.decode();
  const target = document.createElement("canvas");
  [target.width, target.height] = [2 * image.width, 2 * image.height];
  target.getContext("2d").drawImage(image, 0, 0, target.width, target.height);
  return new Promise((done) => target.toBlob(done, "image/png"));
}

const quoted = (value) =>
  typeof value === "number" ? String(value) : `"${String(value ?? "").replaceAll('"', '""')}"`;
const csv = (table) => table.map((row) => row.map(quoted).join(",") + "\r\n").join("");

/** The table behind a figure; columns that begin with "_" only serve to draw it. */
function tableOf(name) {
  if (name === "heat") return heatTable();
  const tables = specs[name].data.map(({ values }) => values ?? []);
  const cells = (table) => table.length * Object.keys(table[0] ?? {}).length;
  const data = tables.reduce((a, b) => (cells(b) > cells(a) ? b : a), []); // others hold labels
  const columns = Object.keys(data[0] ?? {}).filter((column) => !column.startsWith("_"));
  return [columns, ...data.map((row) => columns.map((column) => row[column]))];
}

/** The decimals of what is stored in levels of this size. */
const digits = (scale) => Math.max(1, Math.ceil(-Math.log10(scale)));

/** What the heatmap shows, one line for each column and feature. */
function heatTable() {
  const from = source();
  const masks = facts.panels.map((_, k) => from.mask(k));
  const names = facts.panels.map(({ mask }, k) => (mask === "aggregate" ? maskOf(k) : mask));
  const first = from === rows ? ["observation"] : ["first_position", "last_position"];
  const result = [[...first, "feature", "value", "relevant", ...names]];
  const scale = from.count / from.extent;
  for (let c = Math.floor(state.lo * scale); c < Math.ceil(state.hi * scale - 1e-6); c++) {
    const column = from === rows ? permutation(state.order)[c] : c;
    const edges = arrays["bin_edges"];
    const place = from === rows ? [arrays["row"][column] + 1] : [edges[c] + 1, edges[c + 1]];
    for (let f = 0; f < D; f++) {
      const i = f * from.count + column;
      const value =
        from === rows && arrays["values"] ? Number(arrays["values"][i].toPrecision(5)) : "";
      const truth = from.truth ? from.truth[i] / facts.truth_levels : "";
      const cells = masks.map(({ values, scale }) =>
        Number((scale * values[i]).toFixed(digits(scale))),
      );
      result.push([...place, facts.features[f], value, truth, ...cells]);
    }
  }
  return result;
}

function listenToSaves() {
  for (const figure of document.querySelectorAll("[data-figure]")) {
    const name = figure.dataset.figure;
    figure.querySelector(".save")?.addEventListener("click", async ({ target }) => {
      const kind = target.dataset.save;
      if (kind === "svg")
        save(`${name}.svg`, new Blob([await svgOf(name)], { type: "image/svg+xml" }));
      if (kind === "png") save(`${name}.png`, await pngOf(name));
      if (kind === "csv") save(`${name}.csv`, new Blob([csv(tableOf(name))], { type: "text/csv" }));
    });
  }
}

function drawRamp() {
  const stops = colour.filter((_, i) => i % 15 === 0).join(", ");
  element("ramp").style.background = `linear-gradient(90deg, ${stops})`;
}

/** The training figure on a logarithmic or linear axis. */
async function drawTraining(log) {
  const spec = structuredClone(specs.training);
  const scale = spec.scales.find(({ name }) => name === "y");
  const losses = spec.data
    .flatMap(({ values }) => values ?? [])
    .flatMap(({ loss, validation_loss }) => [loss, validation_loss])
    .filter((value) => value > 0);
  if (log && losses.length) {
    // What has no logarithm is drawn at the end of the axis.
    const domain = [Math.min, Math.max].map((end) => losses.reduce((a, b) => end(a, b)));
    Object.assign(scale, { type: "log", nice: false, domain, clamp: true });
  }
  await viewOf("training", spec).runAsync();
}

await heat.runAsync();
drawRamp();
controls();
listen(element("heat"));
showDetail();
showRange();
await redraw();
addEventListener("resize", async () => {
  await heat.runAsync(); // Vega measures its place anew
  redraw();
});
await drawStrip();
element("heat").addEventListener("drawn", followZoom);
document.documentElement.dataset.state = "interactive";
performance.mark("interactive");

for (const name of Object.keys(specs)) {
  if (name in views) continue;
  await (window.scheduler?.yield?.() ?? new Promise(setTimeout)); // the page answers in between
  await viewOf(name, specs[name]).runAsync();
}
if (element("log")) element("log").onchange = (event) => drawTraining(event.target.checked);
listenToSaves();
document.documentElement.dataset.state = "drawn";
performance.mark("drawn");
