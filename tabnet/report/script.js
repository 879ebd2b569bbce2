// The page's script. Vega draws every figure; the heatmap's pictures are painted here, from arrays.
// Letters: D features drawn, K panels (masks below each other), `count` stored columns of a source.

const element = (id) => document.getElementById(id);
const facts = JSON.parse(element("facts").textContent);
const specs = JSON.parse(element("specs").textContent);
const D = facts.features.length;
const K = facts.panels.length;
const ROWS = K * (D + 2) - 1; // of the figure: title, features and gap for each panel
const UNDERLINE = 8; // picture rows to a feature's row in the picture of underlines

// ---------------------------------------------------------------- what the page holds

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const decoded = atob(text);
  const bytes = new Uint8Array(decoded.length);
  for (let i = 0; i < decoded.length; i++) bytes[i] = decoded.charCodeAt(i);
  return bytes;
}

async function inflate(id) {
  const bytes = fromBase64(element(id).textContent);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };

/** An array whose bytes of equal significance lie together, as numbers. */
function unshuffled(buffer, { offset, length, type }) {
  const size = Number(type[1]);
  const planes = new Uint8Array(buffer, offset, size * length);
  const bytes = new Uint8Array(size * length);
  for (let b = 0; b < size; b++) {
    for (let i = 0, j = b, k = b * length; i < length; i++, j += size) bytes[j] = planes[k + i];
  }
  return new TYPES[type](bytes.buffer);
}

const inflating = inflate("arrays"); // goes on while the library is compiled
new Function(new TextDecoder().decode(await inflate("library")))();
const vega = window.vega;
const packed = await inflating;
const arrays = {};
for (const [name, section] of Object.entries(facts.arrays)) {
  arrays[name] = unshuffled(packed, section);
}

// Two sources of columns: stored rows in any order, and bins over all rows in the report's order.
const rows = {
  count: facts.stored,
  extent: facts.stored,
  truth: arrays["truth"],
  mask: (panel) => named(`mask:${maskOf(panel)}`),
};
const bins = facts.bins && {
  count: facts.bins,
  extent: facts.rows,
  truth: arrays["bin_truth"],
  mask: (panel) => named(`${state.how === "max" ? "peak" : "mean"}:${facts.panels[panel].mask}`),
};
const named = (name) => ({ name, values: arrays[name], scale: facts.arrays[name].scale });

function maskOf(panel) {
  const own = facts.panels[panel].mask;
  return own === "aggregate" && state.seed !== facts.shown ? `aggregate_seed_${state.seed}` : own;
}

const state = {
  order: facts.sort_by,
  seed: facts.shown,
  how: facts.rows > 10 * 900 ? "mean" : "max",
  quantile: { ...facts.quantile },
  lo: 0,
  hi: 1,
  at: -1, // position under the crosshair
  panel: 0,
  feature: 0,
  held: false,
};
const source = () =>
  bins && state.order === facts.sort_by && state.seed === facts.shown ? bins : rows;
state.hi = Math.max(1, source().extent);

// ---------------------------------------------------------------- orders and clips

const UNKNOWN = 255; // of a label
const memory = new Map();

/** `make()`, or what it gave for the same key before. */
function remembered(key, make) {
  if (!memory.has(key)) {
    if (memory.size > 200) memory.clear();
    memory.set(key, make());
  }
  return memory.get(key);
}

function keyOf(order) {
  if (order === facts.sort_by) return (i) => i;
  if (order === "row") return (i) => arrays["row"][i];
  if (order === "label") return (i) => (arrays["label"][i] === UNKNOWN ? NaN : arrays["label"][i]);
  if (order === "prediction") return (i) => arrays["probability"][i];
  if (order === "agreement") return (i) => arrays["agreement"][i];
  const feature = Number(order.slice("feature:".length));
  return (i) => arrays["values"][feature * rows.count + i];
}

/** Stored rows in the chosen order; ties in the order of the file, missing values last. */
function permutation(order) {
  return remembered(`order ${order}`, () => {
    const result = Uint32Array.from({ length: rows.count }, (_, i) => i);
    if (order === facts.sort_by) return result;
    const keys = Float64Array.from(result, keyOf(order)).map((v) => (isNaN(v) ? Infinity : v));
    const tie = arrays["row"];
    return result.sort((a, b) => (keys[a] === keys[b] ? tie[a] - tie[b] : keys[a] - keys[b]));
  });
}

/** The index into the source's arrays of the column at a position. */
function columnAt(position) {
  const from = source();
  const column = Math.min(from.count - 1, Math.floor((position * from.count) / from.extent));
  return from === rows ? permutation(state.order)[column] : column;
}

/** The quantile (R's type 7) over a panel's stored cells, at which its colours end. */
function clipOf(panel) {
  const { name, values, scale } = source().mask(panel);
  if (!values.length) return 1;
  const sorted = remembered(`sorted ${name}`, () => values.slice().sort());
  const place = (sorted.length - 1) * state.quantile[facts.panels[panel].clip];
  const below = Math.floor(place);
  const above = sorted[Math.min(below + 1, sorted.length - 1)];
  const level = sorted[below] + (place - below) * (above - sorted[below]);
  return scale * (level || sorted[sorted.length - 1]) || 1;
}

// ---------------------------------------------------------------- painting

const SHADES = 256;
const ramp = vega.scheme(facts.scheme);
const colour = Array.from({ length: SHADES }, (_, i) => ramp(i / (SHADES - 1)));
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

// ---------------------------------------------------------------- Vega

const BLANK = new Image();
BLANK.src = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
await BLANK.decode();
const views = {};

/** A view of a specification in the element of its name, not yet run. */
function viewOf(name, spec) {
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
  for (const [name, text] of Object.entries(value)) addCells(table.insertRow(), [name], [text]);
  tip.replaceChildren(table);
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 4))}px`;
}

function addCells(row, heads, texts, scope = "row") {
  for (const text of heads) {
    const head = row.appendChild(document.createElement("th"));
    head.scope = scope;
    head.appendChild(document.createElement("bdi")).textContent = text;
  }
  for (const text of texts) row.insertCell().textContent = text;
}

// ---------------------------------------------------------------- the heatmap

const heat = viewOf("heat", specs.heat);
heat.signal("picture", BLANK);
if (rows.truth) heat.signal("truth", BLANK);

function titleOf(panel) {
  const { name, mask } = facts.panels[panel];
  const seed = mask === "aggregate" ? state.seed : facts.shown;
  const whose = mask === "consensus" || seed === null ? "" : ` of seed ${seed}`;
  return `${name}${whose} · colours end at ${clipOf(panel).toPrecision(2)}`;
}

let turn = 0;

/** Paints what the state says, and shows it when it is decoded, unless a newer one came first. */
async function redraw() {
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
  placeCross();
  element("heat").dispatchEvent(new Event("drawn"));
}

function zoom(lo, hi) {
  const { extent, count } = source();
  const least = Math.min(extent, (8 * extent) / Math.max(1, count));
  const width = Math.min(extent, Math.max(least, hi - lo));
  const start = Math.max(0, Math.min(extent - width, lo));
  state.lo = source() === rows ? Math.round(start) : start;
  state.hi = source() === rows ? Math.round(start + width) : start + width;
  element("whole").hidden = state.lo <= 0 && state.hi >= extent;
  showRange();
  return redraw();
}

function showRange() {
  const { extent } = source();
  const part = state.lo > 0 || state.hi < extent;
  const of = `${extent.toLocaleString("en")} ${source() === rows && facts.bins ? "sampled " : ""}`;
  const range = `${(Math.floor(state.lo) + 1).toLocaleString("en")} to ${Math.ceil(state.hi).toLocaleString("en")} of `;
  element("range").textContent = `${part ? range : ""}${of}observations`;
}

const overlay = (kind) => {
  const cross = element("heat").appendChild(document.createElement("div"));
  cross.className = `cross ${kind}`;
  cross.hidden = true;
  return cross;
};
const [hair, line, band] = ["column", "line", "line"].map(overlay);

/** The plot's upper left corner in its element. */
function corner() {
  const [left, top] = heat.origin();
  const { left: x, top: y } = heat.padding();
  return [left + x, top + y];
}

function place(cross, x, y, width, height) {
  const [left, top] = corner();
  cross.hidden = false;
  cross.style.transform = `translate(${left + x}px, ${top + y}px)`;
  cross.style.width = `${width}px`;
  cross.style.height = `${height}px`;
}

function placeCross() {
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

// ---------------------------------------------------------------- one observation

const number = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "missing");
const detail = element("detail");
const detailRows = [];

function buildDetail() {
  const heading = document.createElement("h3");
  const text = document.createElement("p");
  const table = document.createElement("table");
  const short = { consensus: "cons.", aggregate: "agg." };
  const heads = facts.panels.map(({ mask }) => short[mask] ?? mask.replace("step_", "S"));
  addCells(table.createTHead().insertRow(), ["feature", "value", ...heads], [], "col");
  const body = table.createTBody();
  for (const name of facts.features) {
    const row = body.insertRow();
    addCells(row, [name], ["", ...heads.map(() => "")]);
    detailRows.push(row);
  }
  const seeds = document.createElement("p");
  table.hidden = true;
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.append(table);
  detail.replaceChildren(heading, text, scroll, seeds);
  return { heading, text, table, seeds };
}

const parts = buildDetail();

function describe(column) {
  if (source() === bins) {
    const [first, last] = [arrays["bin_edges"][column], arrays["bin_edges"][column + 1]];
    const title = `Observations ${(first + 1).toLocaleString("en")} to ${last.toLocaleString("en")}`;
    return [
      title,
      `${state.how === "max" ? "Largest" : "Mean"} value of ${last - first} observations in the order of ${facts.sort_label}.`,
      "",
    ];
  }
  const said = [];
  if (arrays["label"]) {
    said.push(`label ${["no", "yes"][arrays["label"][column]] ?? "unknown"}`);
  }
  let seeds = "";
  if (arrays["probability"]) {
    said.push(`P(yes) ${number(arrays["probability"][column], 3)}`);
    said.push(`agreement ${number(arrays["agreement"][column], 3)}`);
    const scale = facts.arrays["by_seed"].scale;
    const each = facts.seeds.map((seed, k) => {
      return `${seed}: ${number(scale * arrays["by_seed"][k * rows.count + column], 2)}`;
    });
    if (each.length) seeds = `P(yes) by seed — ${each.join(", ")}`;
  }
  return [
    `Observation ${(arrays["row"][column] + 1).toLocaleString("en")}`,
    said.join(" · "),
    seeds,
  ];
}

function showDetail() {
  const none = state.at < 0 || !source().count;
  parts.table.hidden = none;
  if (none) {
    parts.heading.textContent = "One observation";
    parts.text.textContent = "Point at the heatmap, or focus it and press the arrow keys.";
    parts.seeds.textContent = "";
    return;
  }
  const column = columnAt(state.at);
  const from = source();
  const [heading, text, seeds] = describe(column);
  parts.heading.textContent = heading;
  parts.text.textContent = text;
  parts.seeds.textContent = seeds;
  const clips = facts.panels.map((_, k) => clipOf(k));
  const masks = facts.panels.map((_, k) => from.mask(k));
  detailRows.forEach((row, f) => {
    const truth = from.truth ? from.truth[f * from.count + column] / facts.truth_levels : 0;
    row.className = `${f === state.feature ? "here" : ""} ${truth > 0.5 ? "true" : ""}`;
    const values = from === rows && arrays["values"];
    row.cells[1].textContent = values ? number(values[f * from.count + column], 3) : "";
    masks.forEach(({ values, scale }, k) => {
      const value = scale * values[f * from.count + column];
      const cell = row.cells[k + 2];
      cell.textContent = value ? value.toFixed(2) : "·";
      cell.style.setProperty("--share", `${Math.min(100, (100 * value) / clips[k]).toFixed(0)}%`);
    });
  });
}

function point(at, panel, feature) {
  Object.assign(state, { at, panel, feature });
  placeCross();
  showDetail();
}

/** What the keyboard has reached, for those who do not see it. */
function announce() {
  const { values, scale } = source().mask(state.panel);
  const column = columnAt(state.at);
  const value = scale * values[state.feature * source().count + column];
  const truth = source().truth?.[state.feature * source().count + column] ? ", truly relevant" : "";
  const what = `${facts.features[state.feature]}, ${facts.panels[state.panel].name}`;
  element("status").textContent = `${describe(column)[0]}, ${what}: ${value.toFixed(2)}${truth}`;
}

// ---------------------------------------------------------------- pointer, wheel, keys

function under(event) {
  const box = element("heat").querySelector("svg").getBoundingClientRect();
  const [left, top] = corner();
  const x = event.clientX - box.left - left;
  const y = event.clientY - box.top - top;
  const inside = x >= 0 && x < heat.width() && y >= 0 && y < heat.height();
  const row = Math.floor((y / heat.height()) * ROWS);
  const position = state.lo + ((state.hi - state.lo) * x) / heat.width();
  return {
    x,
    inside: inside && source().count > 0,
    at: Math.max(0, Math.min(source().extent - 1e-9, position)),
    panel: Math.min(K - 1, Math.floor(row / (D + 2))),
    feature: Math.max(0, Math.min(D - 1, (row % (D + 2)) - 1)),
  };
}

let pressed = null;

function listen(target) {
  target.addEventListener("pointermove", (event) => {
    const { inside, at, panel, feature, x } = under(event);
    if (pressed !== null && Math.abs(x - pressed.x) > 4) {
      const [first, last] = [pressed.x, Math.max(0, Math.min(heat.width(), x))].sort(
        (a, b) => a - b,
      );
      place(band, first, 0, last - first, heat.height());
    }
    if (!state.held) point(inside ? at : -1, panel, feature);
  });
  target.addEventListener("pointerdown", (event) => {
    const spot = under(event);
    if (event.button === 0 && spot.inside && event.pointerType !== "touch") pressed = spot;
  });
  addEventListener("pointerup", (event) => {
    if (pressed === null) return;
    const [first, last] = [pressed, under(event)];
    const dragged = !band.hidden;
    pressed = null;
    band.hidden = true;
    if (dragged) zoom(Math.min(first.at, last.at), Math.max(first.at, last.at));
    else hold(!state.held || Math.abs(first.at - state.at) >= 1, first);
  });
  target.addEventListener("pointerleave", () => {
    if (!state.held && document.activeElement !== target) point(-1, 0, 0);
  });
  target.addEventListener("wheel", wheel, { passive: false });
  target.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !source().count) return;
    if (key(event.key, event.shiftKey)) event.preventDefault();
  });
}

function hold(held, { at, panel, feature }) {
  state.held = held;
  point(at, panel, feature);
}

/** Zooms about the pointer; only a heatmap with the focus takes the wheel from the page. */
function wheel(event) {
  const spot = under(event);
  const wanted = document.activeElement === event.currentTarget || event.ctrlKey;
  if (!wanted || !spot.inside) return;
  event.preventDefault();
  const factor = Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY * 0.002)));
  zoom(spot.at - (spot.at - state.lo) * factor, spot.at + (state.hi - spot.at) * factor);
}

/** Acts on a key; whether it is one of the heatmap's. */
function key(name, shift) {
  const { extent, count } = source();
  const width = state.hi - state.lo;
  const step = shift ? width / 20 : Math.max(extent / count, width / heat.width());
  let { at, panel, feature } = state;
  if (at < 0) at = state.lo;
  else if (name === "ArrowRight") at += source() === rows ? Math.max(1, Math.round(step)) : step;
  else if (name === "ArrowLeft") at -= source() === rows ? Math.max(1, Math.round(step)) : step;
  const row = panel * D + feature + { ArrowDown: 1, ArrowUp: -1 }[name];
  if (name === "ArrowDown" || name === "ArrowUp") {
    panel = Math.floor(((row + K * D) % (K * D)) / D);
    feature = (row + K * D) % D;
  } else if (name === "Home") at = 0;
  else if (name === "End") at = extent - extent / count;
  else if (name === "+" || name === "=") zoom(at - width / 4, at + width / 4);
  else if (name === "-") zoom(at - width, at + width);
  else if (name === "0") zoom(0, extent);
  else if (name === "Escape") state.held = false;
  else if (!name.startsWith("Arrow")) return false;
  at = Math.max(0, Math.min(extent - extent / count, at));
  if (at < state.lo || at >= state.hi)
    zoom(at - (state.hi - state.lo) / 2, at + (state.hi - state.lo) / 2);
  point(at, panel, feature);
  announce();
  return true;
}

// ---------------------------------------------------------------- controls

function fill(select, options, chosen) {
  for (const [value, text] of options) select.add(new Option(text, value));
  select.value = chosen;
}

function controls() {
  fill(element("order"), facts.orders, facts.sort_by);
  element("order").onchange = (event) => reorder(event.target.value, [0, Infinity]);
  fill(
    element("seed"),
    facts.seeds.map((seed) => [seed, seed === facts.shown ? `${seed} (shown first)` : seed]),
    facts.shown,
  );
  element("seed").disabled = facts.seeds.length < 2;
  element("seed").onchange = (event) => {
    const before = source();
    state.seed = Number(event.target.value);
    if (source() === before) redraw().then(showDetail);
    else reorder(state.order, [0, Infinity]);
  };
  element("how").value = state.how;
  element("how").onchange = (event) => {
    state.how = event.target.value;
    redraw().then(showDetail);
  };
  for (const kind of ["aggregate", "steps"]) slider(kind);
  element("whole").onclick = () => zoom(0, Infinity);
  for (const button of document.querySelectorAll(".lowest")) {
    button.hidden = !arrays["agreement"];
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
    output.textContent = `${(100 * state.quantile[kind]).toFixed(1)} %`;
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
  reorder("agreement", [0, Math.min(50, rows.count)]);
  element("heat").scrollIntoView({ block: "nearest" });
  element("heat").focus({ preventScroll: true });
}

// ---------------------------------------------------------------- the strip above the heatmap

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

async function drawStrip() {
  const spec = structuredClone(specs.strip);
  const extent = source().extent;
  spec.data.find(({ values }) => values).values = stripData();
  spec.scales.find(({ name }) => name === "x").domain = [0, Math.max(1, extent)];
  strip = viewOf("strip", spec);
  strip.addSignalListener("zoom", (_, { position: range }) => {
    if (range && Math.abs(range[1] - range[0]) > extent / 1000) zoom(...range);
    else zoom(0, extent);
  });
  await strip.runAsync();
  for (const mark of element("strip").querySelectorAll("[class*=zoom_brush]")) {
    mark.setAttribute("aria-hidden", "true");
  }
}

// ---------------------------------------------------------------- saving

function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${facts.name} ${name}`.replace(/[^\w.-]+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** The figure for paper: whatever the page's colours are, the file has the light ones. */
async function svgOf(name) {
  const text = await views[name].toSVG();
  return text.replace(/var\((--[a-z]+)\)/g, (_, variable) => facts.colours[variable]);
}

async function pngOf(name) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(await svgOf(name))}`;
  await image.decode();
  const target = document.createElement("canvas");
  [target.width, target.height] = [2 * image.width, 2 * image.height];
  const brush = target.getContext("2d");
  brush.fillStyle = facts.colours["--card"];
  brush.fillRect(0, 0, target.width, target.height);
  brush.drawImage(image, 0, 0, target.width, target.height);
  return new Promise((done) => target.toBlob(done, "image/png"));
}

const quoted = (value) =>
  typeof value === "number" ? String(value) : `"${String(value ?? "").replaceAll('"', '""')}"`;
const csv = (table) => table.map((row) => row.map(quoted).join(",") + "\r\n").join("");

/** The table behind a figure; columns that begin with "_" only serve to draw it. */
function tableOf(name) {
  if (name === "heat") return heatTable();
  const tables = specs[name].data.map(({ values }) => values ?? []);
  const longest = tables.reduce((a, b) => (b.length > a.length ? b : a), []);
  const columns = Object.keys(longest[0] ?? {}).filter((column) => !column.startsWith("_"));
  return [columns, ...longest.map((row) => columns.map((column) => row[column]))];
}

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
      const cells = masks.map(({ values, scale }) => Number((scale * values[i]).toFixed(5)));
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

// ---------------------------------------------------------------- start

function drawRamp() {
  const stops = colour.filter((_, i) => i % 15 === 0).join(", ");
  element("ramp").style.background = `linear-gradient(90deg, ${stops})`;
}

/** The training figure on a logarithmic or linear axis. */
async function drawTraining(log) {
  const spec = structuredClone(specs.training);
  const scale = spec.scales.find(({ name }) => name === "y");
  Object.assign(scale, log ? { type: "log", nice: false } : {});
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
