// What the page holds, in which order, and how bright it is drawn: nothing here draws.
// Letters: D features drawn, K panels (masks below each other), `count` stored columns of a source.

export const element = (id) => document.getElementById(id);
export const facts = JSON.parse(element("facts").textContent);
export const specs = JSON.parse(element("specs").textContent);
export const D = facts.features.length;
export const K = facts.panels.length;
/** A text that stands alone; an empty one would not be seen. */
export const readable = (text) => (text === "" ? facts.unnamed : text);

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
export const vega = window.vega;
const packed = await inflating;
export const arrays = {};
for (const [name, section] of Object.entries(facts.arrays)) {
  arrays[name] = unshuffled(packed, section);
}

// Two sources of columns: stored rows in any order, and bins over all rows in the report's order.
export const rows = {
  count: facts.stored,
  extent: facts.stored,
  truth: arrays["truth"],
  mask: (panel) => named(`mask:${maskOf(panel)}`),
};
export const bins = facts.bins && {
  count: facts.bins,
  extent: facts.rows,
  truth: arrays["bin_truth"],
  mask: (panel) => named(`${state.how === "max" ? "peak" : "mean"}:${facts.panels[panel].mask}`),
};
const named = (name) => ({ name, values: arrays[name], scale: facts.arrays[name].scale });

/** The name of a panel's mask where it is a seed's own. */
export function ownMask(mask, seed) {
  return mask === "aggregate" && seed !== facts.shown ? `aggregate_seed_${seed}` : mask;
}

export const maskOf = (panel) => ownMask(facts.panels[panel].mask, state.seed);

export const state = {
  order: facts.sort_by,
  seed: facts.shown,
  how: facts.rows > 10 * facts.columns ? "mean" : "max",
  quantile: { ...facts.quantile },
  lo: 0,
  hi: 1,
  at: -1, // position under the crosshair
  panel: 0,
  feature: 0,
  held: false,
};
export const source = () =>
  bins && state.order === facts.sort_by && state.seed === facts.shown ? bins : rows;
state.hi = Math.max(1, source().extent);

const UNKNOWN = facts.unknown; // of a label
const memory = new Map();

/** `make()`, or what it gave for the same key before. */
export function remembered(key, make) {
  if (!memory.has(key)) {
    if (memory.size > 200) memory.clear();
    memory.set(key, make());
  }
  return memory.get(key);
}

export function keyOf(order) {
  if (order === facts.sort_by) return (i) => i;
  if (order === "row") return (i) => arrays["row"][i];
  if (order === "label") return (i) => (arrays["label"][i] === UNKNOWN ? NaN : arrays["label"][i]);
  if (order === "prediction") return (i) => arrays["probability"][i];
  if (order === "agreement") return (i) => arrays["agreement"][i];
  const feature = Number(order.slice("feature:".length));
  return (i) => arrays["values"][feature * rows.count + i];
}

/** Stored rows in the chosen order; ties in the order of the file, missing values last. */
export function permutation(order) {
  return remembered(`order ${order}`, () => {
    const result = Uint32Array.from({ length: rows.count }, (_, i) => i);
    if (order === facts.sort_by) return result;
    const keys = Float64Array.from(result, keyOf(order));
    const missing = Uint8Array.from(keys, isNaN);
    const tie = arrays["row"];
    return result.sort((a, b) => {
      if (missing[a] || missing[b]) return missing[a] - missing[b] || tie[a] - tie[b];
      return keys[a] === keys[b] ? tie[a] - tie[b] : keys[a] - keys[b];
    });
  });
}

/** The index into the source's arrays of the column at a position. */
export function columnAt(position) {
  const from = source();
  const column = Math.min(from.count - 1, Math.floor((position * from.count) / from.extent));
  return from === rows ? permutation(state.order)[column] : column;
}

/** Where a panel's colours end: the quantile (R's type 7) of its cells, or the least above 0. */
export function clipOf(panel) {
  const { name, values, scale } = source().mask(panel);
  if (!values.length) return 1;
  const sorted = remembered(`sorted ${name}`, () => values.slice().sort());
  const place = (sorted.length - 1) * state.quantile[facts.panels[panel].clip];
  const below = Math.floor(place);
  const above = sorted[Math.min(below + 1, sorted.length - 1)];
  const level = sorted[below] + (place - below) * (above - sorted[below]);
  return scale * Math.max(level, sorted.find((value) => value > 0) ?? 0) || 1;
}
