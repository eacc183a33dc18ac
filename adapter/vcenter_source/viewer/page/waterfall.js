// The trace of an event as a waterfall: a bar a span, below its parent, on a ruler of time.

import { bdi, el, visible } from "./dom.js";
import { duration } from "./format.js";
import { nameSpan } from "./span_names.js";

const MS = 1e6;
const MOST_TICKS = 4;

/** Spans as bars, each below its parent. */
export function waterfall(spans) {
  const start = spans.reduce((least, span) => (BigInt(span.start) < least ? BigInt(span.start) : least), BigInt(spans[0].start));
  const placed = tree(spans).map(([depth, span, parent]) => ({
    depth,
    span,
    entersService: span.service !== parent?.service,
    from: Number(BigInt(span.start) - start) / MS,
    takes: Number(BigInt(span.end) - BigInt(span.start)) / MS,
  }));
  const whole = Math.max(...placed.map(({ from, takes }) => from + takes), 0.001);
  const services = [...new Set(spans.map((span) => span.service))];
  const list = el("div", { class: "waterfall" },
    el("p", { class: "quiet" }, `${spans.length} spans of ${services.length} ${services.length === 1 ? "process" : "processes"}, ${duration(whole)}`),
    el("ul", { class: "services" }, services.map((service, at) => el("li", {}, el("i", { class: `f${at % 6}` }), visible(service || "unknown")))),
    ruler(whole),
    placed.map((each) => line(each, whole, services)));
  list.style.setProperty("--tick", `${(tickOf(whole) / whole) * 100}%`);
  return list;
}

/** The milliseconds between two ticks: 1, 2 or 5 with zeros. */
function tickOf(whole) {
  const power = 10 ** Math.floor(Math.log10(whole / MOST_TICKS));
  return [1, 2, 5, 10].map((each) => each * power).find((tick) => whole / tick <= MOST_TICKS);
}

function ruler(whole) {
  const tick = tickOf(whole);
  const marks = [];
  for (let at = 0; at * tick < whole * 0.9; at += 1) {
    const mark = el("span", {}, at ? duration(at * tick).replace(/\.0+ /, " ") : "0");
    mark.style.insetInlineStart = `${((at * tick) / whole) * 100}%`;
    marks.push(mark);
  }
  return el("div", { class: "ruler", "aria-hidden": "true" }, el("span", {}), el("span", { class: "marks" }, marks), el("span", {}));
}

function line({ depth, span, entersService, from, takes }, whole, services) {
  const bar = el("span", { class: `bar f${services.indexOf(span.service) % 6}` });
  bar.style.marginInlineStart = `${(from / whole) * 100}%`;
  bar.style.width = `${Math.max((takes / whole) * 100, 0.4)}%`;
  const { short, full } = nameSpan(span);
  const label = el("span", { class: "label", title: visible(`${span.service}: ${full}`) },
    entersService ? el("span", { class: "service" }, `${visible(span.service)} `) : null, visible(short));
  label.style.paddingInlineStart = `${depth * 0.6}rem`;
  return el("details", { class: span.failed ? "span failed" : "span" },
    el("summary", {}, label, el("span", { class: "track", "aria-hidden": "true" }, bar), el("span", { class: "takes" }, duration(takes))),
    facts(span, from, full));
}

function facts(span, from, full) {
  const values = [["name", full], ["process", span.service], ["begins after", duration(from)], ...Object.entries(span.attributes)];
  return el("dl", { class: "facts" }, values.map(([name, value]) =>
    el("div", {}, el("dt", {}, visible(name)), el("dd", {}, bdi(String(value))))));
}

/** Each span with its depth and its parent, parents first; a span whose parent is unknown is a root. */
function tree(spans) {
  const known = new Set(spans.map((span) => span.id));
  const below = Map.groupBy
    ? Map.groupBy(spans, (span) => (known.has(span.parent) ? span.parent : ""))
    : spans.reduce((map, span) => {
      const parent = known.has(span.parent) ? span.parent : "";
      return map.set(parent, [...(map.get(parent) ?? []), span]);
    }, new Map());
  const walk = (id, depth, parent) => (below.get(id) ?? []).flatMap((span) => [[depth, span, parent], ...walk(span.id, depth + 1, span)]);
  return walk("", 0, null);
}
