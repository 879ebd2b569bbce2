// One observation of the heatmap: its detail, and the pointer, the wheel and the keys that find it.

import {
  D,
  K,
  arrays,
  bins,
  clipOf,
  columnAt,
  element,
  facts,
  ownMask,
  readable,
  rows,
  source,
  state,
} from "./columns.js";
import { ROWS, addCells, band, corner, heat, line, place, placeCross, zoom } from "./heatmap.js";

const number = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "missing");

/** A feature's value, to five digits of whatever size it is. */
function sized(value) {
  if (isNaN(value)) return "missing";
  const size = Math.abs(value);
  const plain = size === 0 || (size >= 0.001 && size < 1e6) || size === Infinity;
  return plain ? String(Number(value.toPrecision(5))) : value.toExponential(4);
}

const voting = facts.seeds.length > 1;

const voters = facts.seeds.map((seed) => arrays[`mask:${ownMask("aggregate", seed)}`]);

/** How many seeds give a feature of a stored row any attention. */
function votesOf(feature, column) {
  const place = feature * rows.count + column;
  return voters.reduce((votes, mask) => votes + (mask[place] > 0), 0);
}

const { decisive } = facts;
const deciding = decisive <= facts.seeds.length; // some number of votes

/** Whether votes decide nothing, though others do. */
const isOpen = (votes) => deciding && votes < decisive && votes > facts.seeds.length - decisive;

function aboutVotes() {
  if (!voting) return "";
  const what = deciding ? "; with ? other seeds may outvote them" : ", too few to decide";
  return `Votes of ${facts.seeds.length} seeds${what}.`;
}

const detail = element("detail");
const detailRows = [];
const MASKS = voting ? 3 : 2; // the first column of masks

function buildDetail() {
  const heading = document.createElement("h3");
  const text = document.createElement("p");
  const table = document.createElement("table");
  const short = { consensus: "cons.", aggregate: "agg." };
  const heads = facts.panels.map(({ mask }) => short[mask] ?? mask.replace("step_", "S"));
  const first = ["feature", "value", ...(voting ? ["votes"] : [])];
  addCells(table.createTHead().insertRow(), [...first, ...heads], [], "col");
  const body = table.createTBody();
  for (const name of facts.features) {
    const row = body.insertRow();
    addCells(row, [readable(name)], [...first.slice(1), ...heads].fill(""));
    detailRows.push(row);
  }
  const [votes, seeds] = [0, 1].map(() => document.createElement("p"));
  table.hidden = true;
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.append(table);
  detail.replaceChildren(heading, text, scroll, votes, seeds);
  return { heading, text, table, scroll, votes, seeds };
}

const parts = buildDetail();

function describe(column) {
  if (source() === bins) {
    const [first, last] = [arrays["bin_edges"][column], arrays["bin_edges"][column + 1]];
    const count = last - first;
    const [from, to, of] = [first + 1, last, count].map((n) => n.toLocaleString("en"));
    const what = state.how === "max" ? "Largest" : "Mean";
    return count === 1
      ? [`Observation ${to} in the order of ${facts.sort_label}`, "", ""]
      : [
          `Observations ${from} to ${to}`,
          `${what} value of ${of} observations in the order of ${facts.sort_label}.`,
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

function showVotes(cell, votes) {
  cell.textContent = votes === null ? "" : isOpen(votes) ? `${votes}?` : String(votes);
  const said = votes !== null && isOpen(votes) ? `${votes}, undecided` : null;
  if (cell.ariaLabel !== said) cell.ariaLabel = said; // to change it takes longer than to look
}

export function showDetail() {
  const none = state.at < 0 || !source().count;
  parts.table.hidden = none;
  if (none) {
    parts.heading.textContent = "One observation";
    parts.text.textContent = "Point at the heatmap, or focus it and press the arrow keys.";
    parts.votes.textContent = "";
    parts.seeds.textContent = "";
    return;
  }
  const column = columnAt(state.at);
  const from = source();
  const [heading, text, seeds] = describe(column);
  parts.heading.textContent = heading;
  parts.text.textContent = text;
  parts.votes.textContent = from === rows ? aboutVotes() : "";
  parts.seeds.textContent = seeds;
  const clips = facts.panels.map((_, k) => clipOf(k));
  const masks = facts.panels.map((_, k) => from.mask(k));
  detailRows.forEach((row, f) => {
    const truth = isRelevant(from, f, column) ? "true" : "";
    row.className = `${f === state.feature ? "here" : ""} ${truth}`;
    const values = from === rows && arrays["values"];
    row.cells[1].textContent = values ? sized(values[f * from.count + column]) : "";
    if (voting) showVotes(row.cells[2], from === rows ? votesOf(f, column) : null);
    masks.forEach(({ values, scale }, k) => {
      const value = scale * values[f * from.count + column];
      const cell = row.cells[k + MASKS];
      cell.textContent = value ? value.toFixed(2) : "·";
      cell.style.setProperty("--share", `${Math.min(100, (100 * value) / clips[k]).toFixed(0)}%`);
    });
  });
  keepInSight(detailRows[state.feature]);
}

/** Scrolls a detail that is taller than its place to a row; the page stays where it is. */
function keepInSight(row) {
  const higher = detail.scrollHeight > detail.clientHeight;
  detail.tabIndex = higher ? 0 : -1; // so that keys can scroll it
  const { scroll } = parts;
  scroll.tabIndex = scroll.scrollWidth > scroll.clientWidth ? 0 : -1;
  if (!higher || !row) return;
  const [box, inner] = [row, detail].map((one) => one.getBoundingClientRect());
  const [above, below] = [inner.top - box.top, box.bottom - inner.bottom];
  if (above > 0) detail.scrollTop -= above;
  else if (below > 0) detail.scrollTop += below;
}

export function point(at, panel, feature) {
  Object.assign(state, { at, panel, feature });
  placeCross();
  showDetail();
}

/** Whether a feature is truly relevant to a row, or to most rows of a bin. */
function isRelevant({ truth, count }, feature, column) {
  return truth ? truth[feature * count + column] / facts.truth_levels > 0.5 : false;
}

/** What the keyboard has reached, for those who do not see it. */
function announce() {
  const { values, scale } = source().mask(state.panel);
  const column = columnAt(state.at);
  const value = scale * values[state.feature * source().count + column];
  const truth = isRelevant(source(), state.feature, column) ? ", truly relevant" : "";
  const what = `${readable(facts.features[state.feature])}, ${facts.panels[state.panel].name}`;
  let votes = "";
  if (voting && source() === rows) {
    const found = votesOf(state.feature, column);
    const open = isOpen(found) ? ", undecided" : "";
    votes = `, ${found} of ${facts.seeds.length} votes${open}`;
  }
  const said = `${describe(column)[0]}, ${what}: ${value.toFixed(2)}${truth}${votes}`;
  element("status").textContent = said;
}

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
    at: Math.max(state.lo, Math.min(state.hi - 1e-9, position)),
    panel: Math.min(K - 1, Math.floor(row / (D + 2))),
    feature: Math.max(0, Math.min(D - 1, (row % (D + 2)) - 1)),
  };
}

let pressed = null;

export function listen(target) {
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
    if (event.button === 0 && spot.inside) pressed = spot;
  });
  // A finger that moves up or down scrolls the page.
  addEventListener("pointercancel", () => {
    pressed = null;
    band.hidden = true;
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
  const column = extent / count; // a stored one
  const step = shift ? width / 20 : width / heat.width();
  const columns = Math.max(1, Math.round(step / column));
  let { at, panel, feature } = state;
  // In the middle of a column: a sum of fractions may end just before its beginning.
  const middle = (Math.floor(at / column + 1e-6) + 0.5) * column;
  if (at < 0) at = state.lo;
  else if (name === "ArrowRight") at = middle + columns * column;
  else if (name === "ArrowLeft") at = middle - columns * column;
  const row = panel * D + feature + { ArrowDown: 1, ArrowUp: -1 }[name];
  if (name === "ArrowDown" || name === "ArrowUp") {
    panel = Math.floor(((row + K * D) % (K * D)) / D);
    feature = (row + K * D) % D;
  } else if (name === "Home") at = 0;
  else if (name === "End") at = extent - column / 2;
  else if (name === "+" || name === "=") zoom(at - width / 4, at + width / 4);
  else if (name === "-") zoom(at - width, at + width);
  else if (name === "0") zoom(0, extent);
  else if (name === "Escape") state.held = false;
  else if (!name.startsWith("Arrow")) return false;
  at = Math.max(0, Math.min(extent - column / 2, at));
  if (at < state.lo || at >= state.hi)
    zoom(at - (state.hi - state.lo) / 2, at + (state.hi - state.lo) / 2);
  point(at, panel, feature);
  line.scrollIntoView({ block: "nearest" });
  announce();
  return true;
}
