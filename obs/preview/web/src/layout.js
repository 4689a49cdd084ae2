// How the page came out: what a check can read instead of looking, measured from the page's own elements.
import { UPLOT_AXIS_FONT_SIZE } from "@grafana/ui";

import { toldOf } from "./facts.js";

const LEGEND = '[data-testid="data-testid viz-layout-legend"]';
const QUIET_FRAMES = 3;
/** Types whose plots, if any, are ornaments of numbers. */
const NUMBERS = new Set(["stat", "gauge", "bargauge", "table"]);
const HIDDEN = new Set(["hidden", "clip", "auto", "scroll"]);

/** Returns what is drawn now: {pageHeight, panels: {id: {...}}}; lengths are pixels of the page. */
export function measure() {
  const panels = {};
  for (const node of document.querySelectorAll("[data-panel]")) {
    panels[node.dataset.panel] = measured(node);
  }
  return { pageHeight: Math.ceil(document.querySelector("main").getBoundingClientRect().height), panels };
}

/** Resolves when every panel is drawn and nothing has changed its place or size for some frames. */
export async function settled() {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  let last = "";
  for (let same = 0; same < QUIET_FRAMES;) {
    await frame();
    const panels = [...document.querySelectorAll("[data-panel]")];
    const sizes = [...document.querySelectorAll(`[data-panel], canvas, ${LEGEND}`)];
    const now =
      document.querySelector("main") && panels.every((node) => toldOf(node.dataset.panel).drawn)
        ? `${document.querySelectorAll("*").length} ${sizes.map((node) => Object.values(rectangle(node))).join(" ")}`
        : "";
    same = now && now === last ? same + 1 : 0;
    last = now;
  }
}

/** Returns the rectangle of one panel on the page, or null. */
export function place(id) {
  const node = document.querySelector(`[data-panel="${CSS.escape(id)}"]`);
  return node && rectangle(node);
}

function measured(node) {
  const { drawn, labels = [], ...told } = toldOf(node.dataset.panel);
  // Names along an axis are painted, and no elements of the page.
  const painted = labels.map((label) => ({
    ...label,
    fontSize: UPLOT_AXIS_FONT_SIZE,
    color: hexOf(getComputedStyle(node).color),
  }));
  return {
    ...rectangle(node),
    plot: NUMBERS.has(told.type) ? null : plotOf(node),
    legend: legendOf(node),
    texts: [...textsOf(node), ...painted],
    axes: [],
    thresholds: [],
    colors: [],
    values: [],
    rows: null,
    ...told,
  };
}

function rectangle(node) {
  const { left, top, width, height } = node.getBoundingClientRect();
  return { x: round(left + scrollX), y: round(top + scrollY), width: round(width), height: round(height) };
}

function round(pixels) {
  return Math.round(pixels * 10) / 10;
}

function plotOf(node) {
  const plot = node.querySelector(".u-over");
  return plot && plot.getBoundingClientRect().height > 0 ? rectangle(plot) : null;
}

/** Rows of the legend, and how many of them are out of sight, whole or in part. */
function legendOf(node) {
  const legend = node.querySelector(LEGEND);
  if (!legend) {
    return null;
  }
  const table = [...legend.querySelectorAll("tbody tr")];
  const items = table.length ? table : [...legend.querySelectorAll("li")];
  const bottom = legend.getBoundingClientRect().bottom + 1;
  const cut = items.filter((item) => item.getBoundingClientRect().bottom > bottom);
  return { rows: items.length, hidden: cut.length, ...rectangle(legend) };
}

function textsOf(node) {
  const found = [];
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const words = text.data.trim();
    const holder = text.parentElement;
    if (!words || holder.closest(".sr-only, style, title, .annotation")) {
      continue;
    }
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) {
      continue;
    }
    const { fontSize, color } = getComputedStyle(holder);
    const scrolled = Boolean(holder.closest(".scroll"));
    found.push({
      text: words,
      cut: !scrolled && isCut(holder, node, box),
      fontSize: Number.parseFloat(fontSize),
      color: hexOf(color),
    });
  }
  return found;
}

/** True where an element around a text hides a part of its width. */
function isCut(holder, panel, box) {
  for (let around = holder; around !== panel.parentElement; around = around.parentElement) {
    const style = getComputedStyle(around);
    if (HIDDEN.has(style.overflowX)) {
      const { left, right } = around.getBoundingClientRect();
      if (box.right > right + 1 || box.left < left - 1) {
        return true;
      }
    }
  }
  return false;
}

function hexOf(color) {
  const parts = color.match(/[\d.]+/g) ?? [];
  return `#${parts
    .slice(0, 3)
    .map((part) => Math.round(Number(part)).toString(16).padStart(2, "0"))
    .join("")}`;
}
